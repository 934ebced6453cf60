"""Contracts of made-up models, and errors of data that they refuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from milepost import v1 as pb
from milepost.models.signatures.schema import Column, Param, Schema, Tensor
from milepost.models.signatures.signature import ModelSignature
from milepost_server.errors import InvalidArgument
from milepost_server.serving.checks.contract import Contract

SECRET = "4111111111111111"  # what no message may repeat


def contract(
    *inputs: Column | Tensor, outputs: Sequence[Column | Tensor] = (), params: Sequence[Param] | None = None
) -> Contract:
    """The contract of a model with these inputs, outputs and params."""
    return Contract(
        ModelSignature(
            inputs=Schema(tuple(inputs)) if inputs else None,  # type: ignore[arg-type]
            outputs=Schema(tuple(outputs)) if outputs else None,  # type: ignore[arg-type]
            params=None if params is None else tuple(params),
        )
    )


def refused(
    call: Callable[[], Any], field: str = "", reason: pb.ErrorReason.ValueType = pb.ERROR_REASON_BAD_MODEL_INPUT
) -> str:
    """The message of the error that a call must end with, which names the field and no value."""
    with pytest.raises(InvalidArgument) as caught:
        call()
    error = caught.value
    assert error.reason == reason
    assert error.metadata.get("field", "") == field
    assert [violation.field for violation in error.violations] == ([field] if field else [])
    assert SECRET not in str(error)
    assert SECRET not in str(error.violations)
    assert error.__cause__ is None or SECRET not in str(error.__cause__)
    return str(error)
