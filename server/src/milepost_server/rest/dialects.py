"""Which dialect a method speaks, and which one is spoken at a path."""

from __future__ import annotations

from milepost_server.calls.handlers import Method
from milepost_server.rest.dialect import Dialect
from milepost_server.rest.mlflow_dialect import MLFLOW
from milepost_server.rest.standard_dialect import STANDARD

_OTHERS = (MLFLOW,)


def dialect_of(method: Method) -> Dialect:
    """The dialect of a method, by the proto package of its service."""
    package = method.descriptor.containing_service.file.package
    return next((dialect for dialect in _OTHERS if package in dialect.packages), STANDARD)


def dialect_at(path: str) -> Dialect:
    """The dialect of errors at a path for which no method was found yet."""
    return next((dialect for dialect in _OTHERS if path.startswith(dialect.paths)), STANDARD)
