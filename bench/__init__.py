"""Benchmarks: data from a seed, ratios side by side in one run."""
