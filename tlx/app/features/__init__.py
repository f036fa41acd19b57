"""The Features page's parts (5.4)."""
