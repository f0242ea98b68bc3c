"""One module per file format: a file to tables of text."""
