"""The API: what other systems ask about a customer while they deal with them, and where links in messages lead."""
