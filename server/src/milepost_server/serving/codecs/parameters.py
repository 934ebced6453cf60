"""Parameters of the Open Inference Protocol: those of the protocol, and those of the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from milepost_server.serving.checks.bad_input import bad_input

_PROTOCOL = {"priority", "timeout", "content_type", "headers", "binary_data_output", "binary_data", "binary_data_size"}
_PREFIXES = ("sequence_", "triton_")
_SHARED = ("shared_memory_region", "shared_memory_offset", "shared_memory_byte_size")


def model_params(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a request that are the model's own."""
    return {
        name: value for name, value in parameters.items() if name not in _PROTOCOL and not name.startswith(_PREFIXES)
    }


def timeout_s(parameters: Mapping[str, Any]) -> float | None:
    """Seconds that the caller waits, from the parameter `timeout`, which has microseconds; None without.

    Raises:
        InvalidArgument: It is no positive number.
    """
    value = parameters.get("timeout")
    if value is None or value == 0:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
        raise bad_input("The parameter 'timeout' must be a positive number of microseconds.", "timeout")
    return float(value / 1e6)


def check_tensor_parameters(parameters: Mapping[str, Any], name: str) -> None:
    """Refuses what asks for something that is not done here.

    Raises:
        InvalidArgument: Shared memory or classification is asked for.
    """
    if any(key in parameters for key in _SHARED):
        raise bad_input(f"Tensor {name!r:.100}: shared memory is not supported. Send the data.", name)
    if parameters.get("classification"):
        raise bad_input(f"Tensor {name!r:.100}: classification is not supported. Ask for the tensor itself.", name)
