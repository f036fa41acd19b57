"""What pages and reports say of results: sentences (Markdown) and the tables that people read."""
