"""File in, confirmed effect per row out."""

__version__ = "0.1.0"
