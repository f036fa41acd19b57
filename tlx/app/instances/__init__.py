"""The Instances page's parts (5.2)."""
