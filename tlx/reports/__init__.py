"""The report of a case: one HTML file that holds everything, or a notebook that reads what is stored."""
