"""What has an effect outside Kafka: the warehouse, and the adapters that carry messages."""
