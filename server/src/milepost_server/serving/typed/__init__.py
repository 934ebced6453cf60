"""A service of its own for each served model, with messages made of its signature while the server runs."""

from milepost_server.serving.typed.services import TypedServices

__all__ = ["TypedServices"]
