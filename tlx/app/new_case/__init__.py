"""The New case page's parts; for visitors of this machine only."""
