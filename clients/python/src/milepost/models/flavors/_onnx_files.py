"""Files of ONNX models: one, or one with the weights in others beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError
from milepost.models._lazy import require
from milepost.models._paths import inside

DATA = "model.onnx"
WEIGHTS = "model.onnx.data"
FIELD = "flavors.onnx.data"
# Protocol buffers hold no more in one message.
MESSAGE_LIMIT_BYTES = 2**31 - 1


def write(model: Any, folder: Path, *, external_data: bool) -> None:
    """Writes `model.onnx`, and the weights to `model.onnx.data` if asked or if one file could not hold them.

    Raises:
        ModelFormatError: The model has weights that were not read with it, or is no valid ONNX.
    """
    onnx = require("onnx", "onnx")
    for tensor in _external(model, onnx):
        raise ModelFormatError(
            f"The weights of tensor {tensor.name!r} lie in another file and were not loaded with the model. Read it by "
            "onnx.load(path), with external data."
        )
    if external_data or model.ByteSize() > MESSAGE_LIMIT_BYTES:
        # Writing takes the weights out of the message, so a copy is written.
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        try:
            onnx.save_model(copy, folder / DATA, save_as_external_data=True, location=WEIGHTS)
        except ValueError as error:
            raise ModelFormatError(f"The model is too large for {DATA}, even without its weights: {error}") from error
    else:
        onnx.save_model(model, folder / DATA)
    _check(folder / DATA, onnx)


def read(path: Path) -> Any:
    """The model in a file, with its weights in memory.

    Raises:
        ModelFormatError: It is no valid ONNX, or weights are said to lie outside of the file's folder.
    """
    onnx = require("onnx", "onnx")
    decode_error = require("google.protobuf.message", "onnx").DecodeError
    try:
        model = onnx.load(path, load_external_data=False)
    except decode_error as error:
        raise ModelFormatError(f"{path.name} is not an ONNX model: {error}") from error
    has_others = False
    for tensor in _external(model, onnx):
        has_others = True
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), None)
        inside(path.parent, location, f"{FIELD}, the external data of tensor {tensor.name!r} in {path.name},")
    _check(path, onnx)
    if has_others:
        try:
            onnx.load_external_data_for_model(model, str(path.parent))
        except (ValueError, OSError, onnx.checker.ValidationError) as error:
            raise ModelFormatError(f"{path.name}: its external data cannot be read: {error}") from error
        for tensor in _external(model, onnx):
            raise ModelFormatError(f"{path.name}: onnx cannot load the external data of tensor {tensor.name!r}.")
    return model


def _check(path: Path, onnx: Any) -> None:
    try:
        onnx.checker.check_model(str(path))
    except (onnx.checker.ValidationError, ValueError) as error:
        raise ModelFormatError(f"{path.name} is not a valid ONNX model: {error}") from error


def _external(message: Any, onnx: Any) -> Iterator[Any]:
    """All tensors below a message whose data lie in files; graphs nest in attributes and functions."""
    if isinstance(message, onnx.TensorProto):
        if message.data_location == onnx.TensorProto.EXTERNAL:
            yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _external(part, onnx)
