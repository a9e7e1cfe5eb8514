"""Measures: each formula once."""
