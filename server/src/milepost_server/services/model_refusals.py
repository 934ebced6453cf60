"""Errors that several services raise about logged models and about what versions of registered models consist of."""

from __future__ import annotations

from collections.abc import Sequence

from milepost import v1 as pb
from milepost_server.errors import FailedPrecondition, NotFound, quote
from milepost_server.storage.logged_models import ModelUse

MOST_USES = 10
"""Versions that a message names at most."""


def logged_model_not_found(model_id: str) -> NotFound:
    """No logged model has this id."""
    return NotFound(
        f"No logged model has the id {quote(model_id)}. It may be gone with its run, or belong to another server.",
        reason=pb.ERROR_REASON_LOGGED_MODEL_NOT_FOUND,
        metadata={"modelId": model_id},
    )


def logged_model_deleted(model_id: str) -> FailedPrecondition:
    """The model must be restored first."""
    return FailedPrecondition(
        f"Logged model {model_id} is deleted. Restore it first.",
        reason=pb.ERROR_REASON_LOGGED_MODEL_DELETED,
        metadata={"modelId": model_id},
    )


def files_final(model_id: str) -> FailedPrecondition:
    """Files of a ready model stay as they are."""
    return FailedPrecondition(
        f"Logged model {model_id} is ready, so its files stay as they are. Log a new model instead.",
        reason=pb.ERROR_REASON_LOGGED_MODEL_FINAL,
        metadata={"modelId": model_id},
    )


def model_in_use(what: str, uses: Sequence[ModelUse]) -> FailedPrecondition:
    """Versions of registered models consist of something. `what` names it, and begins a sentence."""
    named = [f"{quote(use.name)} version {use.version}" for use in uses[:MOST_USES]]
    more = ", and more" if len(uses) > MOST_USES else ""
    return FailedPrecondition(
        f"{what} is in use: these versions of registered models consist of its files: {', '.join(named)}{more}. "
        "Delete them first.",
        reason=pb.ERROR_REASON_MODEL_IN_USE,
        metadata={"versions": ",".join(f"{use.name}/{use.version}" for use in uses[:MOST_USES])},
    )
