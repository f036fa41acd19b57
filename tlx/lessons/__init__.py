"""The lesson: eight questions to predict, look up and have revealed, as plain data (docs/lesson.md)."""
