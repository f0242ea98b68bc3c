"""The mapping file, compiled to column expressions."""
