"""The start page's parts."""
