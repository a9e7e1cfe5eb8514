"""The logic: events in, facts out. No Kafka, no clock of its own, no client."""
