"""What clients and model code raise while a model is found and loaded, as refusals of the model server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from milepost import v1 as pb
from milepost.errors import BadModelUri, MilepostError, ModelError, NotFoundError
from milepost_server.errors import DomainError, FailedPrecondition, NotFound, Unavailable, invalid_field, quote

# A path of this machine with two segments at least. URLs, `models:/NAME/3` and `runs:/ID/PATH` are none.
_PATH = re.compile(r"(?<![\w:/.])(?:/[^\s/'\",;:]+){2,}/?")

_SHOWN = 10
_REASONS = dict(pb.ErrorReason.items())


def to_refusal(error: MilepostError) -> DomainError:
    """The refusal that callers are told."""
    if isinstance(error, BadModelUri):
        return invalid_field("source", without_paths(str(error)).rstrip("."))
    if isinstance(error, NotFoundError):
        reason = _REASONS.get(f"ERROR_REASON_{error.reason}", pb.ERROR_REASON_MODEL_NOT_FOUND)
        return NotFound(str(error), reason=reason, metadata=error.metadata)
    if error.retriable:
        return registry_unavailable()
    if isinstance(error, ModelError):
        return not_loadable(without_paths(str(error)))
    return not_loadable(f"The model registry refused: {without_paths(str(error))}")


def registry_unavailable() -> Unavailable:
    """The refusal for a registry, or its artifact store, that does not answer."""
    return Unavailable(
        "The model registry does not answer. What is served already goes on. Try again later.",
        reason=pb.ERROR_REASON_REGISTRY_UNAVAILABLE,
    )


def not_loadable(why: str) -> FailedPrecondition:
    """The refusal for a version that cannot be served. `why` is whole sentences."""
    return FailedPrecondition(why, reason=pb.ERROR_REASON_MODEL_NOT_LOADABLE)


def without_paths(text: str) -> str:
    """A text in which paths of this machine have only their last segment."""
    return _PATH.sub(lambda path: path[0].rstrip("/").rpartition("/")[2], text)


def not_served(what: str, models: Iterable[str]) -> NotFound:
    """The refusal for a model that is not served.

    Args:
        what: A whole sentence that says so.
        models: Names of those that are.
    """
    names = sorted(models)
    served = ", ".join(map(quote, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
    remedy = f"Served are: {served}." if names else "None is; load one first."
    return NotFound(f"{what} {remedy}", reason=pb.ERROR_REASON_SERVED_MODEL_NOT_FOUND)


def not_loaded(model: str, version: int, loaded: Sequence[int]) -> NotFound:
    """The refusal for a version that is not loaded, of a model that is served; `loaded` are."""
    if loaded:
        numbers = ", ".join(map(str, loaded))
        why = (
            f"Version {version} of model {quote(model)} is not loaded here. Loaded: {numbers}. To load it, make it "
            "live, a canary or a shadow."
        )
    else:
        why = f"Model {quote(model)} is being loaded. Ask again when it is ready."
    return NotFound(why, reason=pb.ERROR_REASON_SERVED_MODEL_NOT_FOUND)
