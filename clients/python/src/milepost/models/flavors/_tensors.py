"""What modules of PyTorch take and give, from and to numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from milepost.models._lazy import require

from ._batches import arrays


def inputs(data: Any, device: Any) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named inputs of a module."""
    torch = require("torch", "pytorch")

    def tensor(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.to(device)
        # Tensors share memory with arrays, and PyTorch warns of arrays that must not be written to.
        return torch.as_tensor(value if value.flags.writeable else value.copy(), device=device)

    if isinstance(data, torch.Tensor):
        return [tensor(data)], {}
    if isinstance(data, (list, tuple)) and data and all(isinstance(part, torch.Tensor) for part in data):
        return [tensor(part) for part in data], {}
    if isinstance(data, Mapping) and all(isinstance(part, torch.Tensor) for part in data.values()):
        return [], {name: tensor(part) for name, part in data.items()}
    batch = arrays(data)
    if isinstance(batch, dict):
        return [], {name: tensor(value) for name, value in batch.items()}
    return [tensor(value) for value in (batch if isinstance(batch, (list, tuple)) else [batch])], {}


def to_numpy(value: Any) -> Any:
    torch = require("torch", "pytorch")
    if isinstance(value, torch.Tensor):
        # numpy has no bfloat16; float32 holds all its values.
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy(force=True)
    if isinstance(value, Mapping):
        return {name: to_numpy(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return (
            type(value)(to_numpy(part) for part in value)
            if type(value) in (list, tuple)
            else tuple(map(to_numpy, value))
        )
    return value
