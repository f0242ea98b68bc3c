"""Runs lanes: local threads in one process."""
