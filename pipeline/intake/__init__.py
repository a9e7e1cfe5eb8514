"""What comes in: the formats of raw records, and why one is refused."""
