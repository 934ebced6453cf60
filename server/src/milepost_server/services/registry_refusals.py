"""Errors that several services of the model registry raise."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.errors import AlreadyExists, NotFound, quote


def model_not_found(name: str) -> NotFound:
    """No registered model has this name."""
    return NotFound(
        f"No registered model is named {quote(name)}. Names are case-sensitive; it may have been renamed or deleted.",
        reason=pb.ERROR_REASON_MODEL_NOT_FOUND,
        metadata={"name": name},
    )


def model_exists(name: str) -> AlreadyExists:
    """The name is taken."""
    return AlreadyExists(
        f"A registered model named {quote(name)} exists. Add a version to it, or choose another name.",
        reason=pb.ERROR_REASON_MODEL_EXISTS,
        metadata={"name": name},
    )


def version_not_found(name: str, version: int) -> NotFound:
    """The model has no such version."""
    return NotFound(
        f"Registered model {quote(name)} has no version {version}. Numbers of deleted ones are not given out again.",
        reason=pb.ERROR_REASON_MODEL_VERSION_NOT_FOUND,
        metadata={"name": name, "version": str(version)},
    )


def no_version(name: str) -> NotFound:
    """The model has no version at all."""
    return NotFound(
        f"Registered model {quote(name)} has no version, so there is no latest one. Create one first.",
        reason=pb.ERROR_REASON_MODEL_VERSION_NOT_FOUND,
        metadata={"name": name},
    )


def alias_not_found(name: str, alias: str) -> NotFound:
    """The model has no such alias."""
    return NotFound(
        f"Registered model {quote(name)} has no alias {quote(alias)}. Aliases are case-sensitive.",
        reason=pb.ERROR_REASON_ALIAS_NOT_FOUND,
        metadata={"name": name, "alias": alias},
    )
