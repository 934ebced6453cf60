"""Batches and answers: from what callers have to messages, and back in like form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from milepost import v1 as pb
from milepost.errors import BadModelInput, from_status

_LARGEST_EXACT = 2**53
_FRAMES = ("pandas", "polars", "pyarrow")


@dataclass(slots=True, eq=False)
class Prediction:
    """What a served model answered.

    Args:
        data: The answer, in the form of the batch.
        version: The version that answered; 0 for a model that is of no registry.
        id: The caller's own, of the request.
    """

    data: Any
    version: int
    id: str


@dataclass(slots=True, eq=False)
class Encoded:
    """A batch as a message, and how its answer becomes what the caller has.

    Args:
        input: The batch, without params.
        decode: Makes the answer's data; called with an output that is no error.
    """

    input: pb.PredictInput
    decode: Callable[[pb.PredictOutput], Any]

    def read(self, output: pb.PredictOutput) -> Prediction:
        """The answer. Raises `MilepostError` for an output of a stream that is an error."""
        if output.HasField("error"):
            raise from_status(output.error)
        return Prediction(self.decode(output), output.version, output.id)


def encode(data: Any) -> Encoded:
    """A batch of any form that `ModelServer.predict` takes.

    Raises:
        BadModelInput: It is none of these, or holds what cannot be sent.
        MissingPackage: Its form needs a package that is not installed.
    """
    if isinstance(data, Mapping):
        from milepost.serving import _arrays

        return _arrays.encode_arrays(data)
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes, bytearray)):
        return Encoded(pb.PredictInput(rows=_list(data, "rows")), _rows)
    library = type(data).__module__.partition(".")[0]
    if library in _FRAMES:
        from milepost.serving import _frames

        return _frames.encode_frame(data, library)
    if hasattr(data, "__array__"):
        from milepost.serving import _arrays

        return _arrays.encode_array(data)
    raise BadModelInput(
        f"A batch cannot be a {type(data).__name__}. Give an array, a mapping of arrays, a data frame or rows."
    )


def to_struct(params: Mapping[str, Any]) -> Struct:
    """Params as they are sent. Raises `BadModelInput`."""
    return _struct(params, "params")


def _rows(output: pb.PredictOutput) -> list[Any]:
    return [_plain(value) for value in output.rows.values]


def _plain(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    if kind == "struct_value":
        return {key: _plain(item) for key, item in value.struct_value.fields.items()}
    return None if kind in (None, "null_value") else getattr(value, kind)


def _list(items: Sequence[Any], field: str) -> ListValue:
    return ListValue(values=[_value(item, field) for item in items])


def _struct(items: Mapping[Any, Any], field: str) -> Struct:
    for key in items:
        if not isinstance(key, str):
            raise _unsendable(f"a key that is a {type(key).__name__}; keys must be texts", field)
    return Struct(fields={key: _value(item, f"{field}.{key}") for key, item in items.items()})


def _value(item: Any, field: str) -> Value:
    if isinstance(item, bool):
        return Value(bool_value=item)
    if isinstance(item, (int, float)):
        if isinstance(item, int) and abs(item) > _LARGEST_EXACT:
            raise _unsendable("an integer beyond 2^53, which is no exact double; send arrays or a data frame", field)
        return Value(number_value=item)
    if isinstance(item, str):
        return Value(string_value=item)
    if item is None:
        return Value(null_value=0)  # type: ignore[arg-type]  # the only one of its enum
    if isinstance(item, Mapping):
        return Value(struct_value=_struct(item, field))
    if isinstance(item, Sequence) and not isinstance(item, (bytes, bytearray)):
        return Value(list_value=_list(item, field))
    if hasattr(item, "tolist"):  # scalars and arrays of numpy
        return _value(item.tolist(), field)
    raise _unsendable(f"a {type(item).__name__}, which rows cannot hold; send arrays or a data frame", field)


def _unsendable(what: str, field: str) -> BadModelInput:
    return BadModelInput(f"{field} has {what}.", metadata={"field": field})
