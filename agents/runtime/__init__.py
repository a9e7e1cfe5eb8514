"""Runs processors on partitions of Kafka, on faust-streaming: transport, shards, checkpoints, supervision, metrics."""
