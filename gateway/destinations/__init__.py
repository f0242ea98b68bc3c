"""One module or package per system that takes records."""
