"""File in, confirmed effect per row out."""
