"""What goes wrong with workers, as errors for callers. What a model says may hold inputs, so it is only logged."""

from __future__ import annotations

import logging
import secrets

from milepost import v1 as pb
from milepost_server.errors import (
    DeadlineExceeded,
    DomainError,
    FailedPrecondition,
    ModelFailed,
    ResourceExhausted,
    Unavailable,
)
from milepost_server.serving.checks.bad_input import bad_input
from milepost_server.serving.execution.replies import Failed, Lost, Unsendable

_log = logging.getLogger(__name__)


def of_request(name: str, outcome: Failed | Unsendable | Lost, timeout_s: float) -> DomainError:
    """The error of a request.

    Args:
        name: Of the version, for the log.
        outcome: What came of it.
        timeout_s: Most seconds that it could take.
    """
    if isinstance(outcome, Unsendable):
        return bad_input(outcome.problem)
    if isinstance(outcome, Failed):
        return _failed(name, outcome)
    if outcome.took_too_long:
        return DeadlineExceeded(f"The model took longer than {timeout_s:g} s, which is the limit of this server.")
    return worker_lost(f"The process of the model {outcome.how} while it had the request. Repeat it.")


def worker_lost(message: str) -> Unavailable:
    """The error where there is no process that can answer."""
    return Unavailable(message, reason=pb.ERROR_REASON_WORKER_LOST)


def too_many(queued: int, retry_after_s: float) -> ResourceExhausted:
    """The error where the queue is full."""
    return ResourceExhausted(
        f"{queued} requests wait for the model already. Try again in {retry_after_s:.1f} s.",
        reason=pb.ERROR_REASON_TOO_MANY_REQUESTS,
        retry_after_s=retry_after_s,
    )


def cannot_stream() -> FailedPrecondition:
    """The error of a model without generator."""
    return FailedPrecondition(
        "The model does not answer piece by piece. Ask it for the whole answer; a model written in Python may have a "
        "method predict_stream.",
        reason=pb.ERROR_REASON_MODEL_CANNOT_STREAM,
    )


def shutting_down() -> Unavailable:
    """The error while the processes end."""
    return Unavailable("The model is being unloaded. Repeat elsewhere or later.", reason=pb.ERROR_REASON_SHUTTING_DOWN)


def describe_load_error(failed: Failed, environment: str) -> str:
    """Why a model was not loaded, with what to do, as whole sentences.

    Args:
        failed: What its process told.
        environment: Of `Options`.
    """
    message = failed.message or "It said no more."
    if failed.kind == "UntrustedModel":
        what = message.partition(". If you trust")[0]
        return f"{what}. If you trust where the model comes from, start the server with --trust."
    if failed.kind == "MissingPackage":
        if environment != "local":
            return (
                f"{message} The requirements of the model do not name it. Add it: milepost models update-requirements "
                "FOLDER --add PACKAGE"
            )
        return f"{message}, or serve the model in an environment of its own (environment uv or virtualenv)."
    if failed.kind == "ModelError":
        return message
    return f"The model cannot be loaded: {failed.kind}: {message}"


def _failed(name: str, failed: Failed) -> DomainError:
    error_id = secrets.token_hex(8)
    _log.error(
        "model failed",
        extra={
            "error_id": error_id,
            "model": name,
            "kind": failed.kind,
            "error_message": failed.message,
            "traceback": failed.traceback,
        },
    )
    if failed.is_schema:
        where = f" {failed.field!r}" if failed.field else ""
        return bad_input(
            f"The data or params{where} are not those of the model's signature. The server's log has the details under "
            f"error id {error_id}.",
            failed.field,
        )
    return ModelFailed(failed.kind, error_id)
