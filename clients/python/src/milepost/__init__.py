"""Milepost: track machine-learning runs."""

from milepost._version import __version__

__all__ = ["__version__"]
