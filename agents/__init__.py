"""The processes: Faust apps that run the logic on partitions, and the sinks they write to."""
