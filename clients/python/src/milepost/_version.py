"""Version of the client; the server has the same."""

__version__ = "0.1.0"
