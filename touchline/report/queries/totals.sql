SELECT count(), uniqExact(customer), min(occurred_at), max(occurred_at) FROM touchpoints
