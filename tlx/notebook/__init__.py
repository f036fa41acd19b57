"""From a notebook: cases of modules and data in memory, and the app on them (`tlx.case`, `tlx.show`)."""
