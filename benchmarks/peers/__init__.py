"""Bare servers that do nothing but answer: the limits that the figures are compared with."""
