"""Rules on history."""
