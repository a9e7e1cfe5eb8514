"""Outreach: what becomes of a signal, and how the message is carried."""
