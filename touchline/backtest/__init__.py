"""Back-tests: rules on the history of files or of the warehouse, and what their signals were worth."""
