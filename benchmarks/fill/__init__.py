"""Fills a store with synthetic experiments, the same for the same seed."""
