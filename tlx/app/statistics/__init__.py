"""The Statistics page's parts (5.1)."""
