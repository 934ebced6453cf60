"""What a model takes and gives: makes checked payloads of what callers send, in whatever form it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from milepost.models.signatures.signature import ModelSignature
from milepost.models.worker.payload import Array, Payload


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor as callers see it; a column is a tensor of one dimension.

    Args:
        name: That of the signature; `input` or `output` where it has none, and the position of a column without a name.
        dtype: Name of numpy's dtype; `str` and `bytes` without size, `object` for what JSON has.
        shape: Sizes of the dimensions, -1 for any.
        required: Whether it must be given.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    required: bool = True


class Contract:
    """The signature of one version, compiled. Nothing that a caller sent is changed, cut or left out in silence.

    Args:
        signature: None for a model that says nothing about its data, which is then handed on unchecked.

    All methods raise `InvalidArgument` (`BAD_MODEL_INPUT`) that names the field, and no value of the caller's.
    """

    def __init__(self, signature: ModelSignature | None) -> None:
        self.signature = signature
        self.inputs: tuple[TensorSpec, ...] = ()
        self.outputs: tuple[TensorSpec, ...] = ()

    def from_tensors(self, tensors: Mapping[str, Array]) -> Payload:
        """The batch of arrays by the names of `inputs`."""
        raise NotImplementedError

    def from_rows(self, rows: Sequence[Any]) -> Payload:
        """The batch of rows as JSON has them: objects, or lists of values; for tensors nested lists."""
        raise NotImplementedError

    def params(self, given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The params of a call, checked."""
        raise NotImplementedError

    def named(self, answer: Payload) -> list[tuple[str, Array]]:
        """An answer as tensors with the names of `outputs`."""
        raise NotImplementedError
