"""Doubles the tests use and users may use: fake clock, in-memory source, hostile destination, toy pull source."""
