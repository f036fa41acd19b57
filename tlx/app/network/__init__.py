"""The Network page's parts (5.3)."""
