"""From a valid touchpoint to one that is identified, placed and read."""
