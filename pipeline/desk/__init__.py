"""The desk: what outreach asks of people becomes tasks for them, and notices to owners."""
