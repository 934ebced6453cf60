"""What a call asks, as predictions know it."""

from __future__ import annotations

from milepost import v1 as pb
from milepost_server.calls.call import Call
from milepost_server.serving.codecs import native
from milepost_server.serving.predicting import Answered, Asked


def asked_by(call: Call, model: str, version: int, interface: str, deadline: float | None = None) -> Asked:
    """Who asks which model.

    Args:
        call: The call that came.
        model: Name of the served model.
        version: A version that is loaded; 0 for the one that traffic goes to.
        interface: As in `Asked`.
        deadline: An earlier one than that of the call, on the clock of `time.monotonic`.
    """
    deadlines = [time for time in (deadline, call.deadline) if time is not None]
    return Asked(
        model,
        version,
        call.transport,
        interface,
        call.call_id,
        min(deadlines, default=None),
        call.metadata.get("traceparent", ""),
    )


def output_of(given: pb.PredictInput, answered: Answered) -> pb.PredictOutput:
    """An answer in the form of the native interface."""
    version = answered.version
    return native.write(given, answered.payload, version.contract, version=version.number)
