"""The batch of a model that takes tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from milepost.errors import SchemaMismatch
from milepost.models.signatures._shown import shown, shown_names
from milepost.models.signatures._tensors import TensorCheck
from milepost.models.signatures.schema import Tensor
from milepost.models.worker.payload import Array, Payload
from milepost_server.serving.checks.bad_input import refuse_empty
from milepost_server.serving.checks.specs import INPUT


class TensorInputs:
    """Tensors: the payload is an array for one without a name, else arrays. The methods are those of `Contract`."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        # Callers know the one without a name as `input`, so messages call it that too.
        named = [tensor if tensor.name is not None else dataclasses.replace(tensor, name=INPUT) for tensor in tensors]
        self._checks = {str(tensor.name): TensorCheck(tensor) for tensor in named}
        self._ranks = {str(tensor.name): len(tensor.shape) for tensor in named}
        self._only = self._checks[INPUT] if tensors[0].name is None else None
        self._names = tuple(self._checks)

    def from_tensors(self, tensors: Mapping[str, Array]) -> Payload:
        if self._only is None:
            self._check_names(tensors)
            return self._payload([check.neutral(tensors[name]) for name, check in self._checks.items()])
        array = tensors.get(INPUT)
        if array is None:
            array = tensors.get("")
        if array is None or len(tensors) != 1:
            raise SchemaMismatch(f"Give one tensor with the name {INPUT!r}; got {_names(tensors)}.")
        return self._payload((self._only.neutral(array),))

    def from_columns(self, columns: Mapping[str, Array]) -> Payload:
        if self._only is None:
            self._check_names(columns)
            return self._payload([check.from_column(columns[name]) for name, check in self._checks.items()])
        self._refuse_table()
        return self._payload((self._only.from_columns(list(columns.values())),))

    def from_rows(self, rows: Sequence[Any]) -> Payload:
        refuse_empty(len(rows))
        if self._only is not None:
            return self._payload((self._only.from_json(by_position(rows)),))
        if not all(isinstance(row, dict) for row in rows):
            raise SchemaMismatch(f"Rows must be objects with the tensors {list(self._names)!r:.300}.")
        for number, row in enumerate(rows):
            self._check_names(row, f"Row {number}: ")
        return self._payload([check.from_json([row[name] for row in rows]) for name, check in self._checks.items()])

    def from_table(self, names: Sequence[str] | None, rows: Sequence[Sequence[Any]]) -> Payload:
        refuse_empty(len(rows))
        if self._only is not None:
            self._refuse_table()
            return self._payload((self._only.from_json(list(rows)),))
        if names is None or any(len(row) != len(names) for row in rows):
            raise SchemaMismatch(f"Give a table with the columns {list(self._names)!r:.300}.")
        return self.from_inputs(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))

    def from_inputs(self, value: Any) -> Payload:
        if self._only is not None:
            if not isinstance(value, list):
                raise SchemaMismatch(f"{shown(value)} is given for an array. Give nested lists.")
            return self._payload((self._only.from_json(value),))
        if not isinstance(value, dict):
            raise SchemaMismatch(f"Give an object with the tensors {list(self._names)!r:.300}.")
        self._check_names(value)
        return self._payload([check.from_json(value[name]) for name, check in self._checks.items()])

    def _payload(self, arrays: Sequence[Array]) -> Payload:
        for array in arrays:
            if array.ndim:
                refuse_empty(len(array))
        return Payload("array", arrays) if self._only is not None else Payload("arrays", arrays, self._names)

    def _refuse_table(self) -> None:
        if self._ranks[INPUT] != 2:
            raise SchemaMismatch(
                f"The model takes an array of {self._ranks[INPUT]} dimensions. Give it as a tensor, not a table."
            )

    def _check_names(self, data: Mapping[str, Any], where: str = "") -> None:
        if data.keys() == self._checks.keys():
            return
        if missing := [name for name in self._names if name not in data]:
            raise SchemaMismatch(f"{where}The tensors {missing!r:.300} are missing.", missing[0])
        extra = [name for name in data if name not in self._checks]
        raise SchemaMismatch(f"{where}The tensors {shown_names(extra)} are unknown. Leave them out.", extra[0])


def by_position(rows: Sequence[Any]) -> list[Any]:
    """The rows as lists, where they are objects with the same names in the same order."""
    if not rows or not all(type(row) is dict for row in rows):
        return list(rows)
    names = list(rows[0])
    for number, row in enumerate(rows):
        if list(row) != names:
            raise SchemaMismatch(f"Row {number} has not the names of the first, or not in their order. Give lists.")
    return [list(row.values()) for row in rows]


def _names(tensors: Mapping[str, Any]) -> str:
    return shown_names(tensors) if tensors else "none"
