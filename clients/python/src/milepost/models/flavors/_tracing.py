"""Modules of PyTorch as exported programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from milepost.errors import ModelFormatError
from milepost.models._lazy import require

from ._tensors import inputs


def export(model: Any, example: Any) -> Any:
    """What `torch.export` traces of a module in evaluation mode.

    Args:
        model: The module, whose parts are left in the modes they had.
        example: A batch. The size of the first dimension of each of its tensors stays free, if the module allows that.

    Raises:
        ModelFormatError: There is no example, or the module cannot be traced.
    """
    torch = require("torch", "pytorch")
    if example is None:
        raise ModelFormatError(
            "The format pt2 traces the model: give input_example=, or format='state_dict' for weights."
        )
    positional, named = inputs(example, next((weight.device for weight in model.parameters()), torch.device("cpu")))

    def free(value: Any) -> Any:
        return {0: torch.export.Dim.AUTO} if value.ndim else None

    # A dimension of size 1 would be taken for a constant.
    positional = [torch.cat([value, value]) if value.ndim and len(value) == 1 else value for value in positional]
    named = {
        name: torch.cat([value, value]) if value.ndim and len(value) == 1 else value for name, value in named.items()
    }
    shapes: Any = (
        {name: free(value) for name, value in named.items()} if named else [free(value) for value in positional]
    )
    with _evaluating(model):
        try:
            return torch.export.export(model, tuple(positional), named, dynamic_shapes=shapes)
        except Exception as failed:  # anything that the module's own code raises, and much that is PyTorch's
            raise ModelFormatError(
                f"torch.export cannot trace the {type(model).__name__}: {failed}. Use format='state_dict' or 'pickle'."
            ) from failed


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode; each part gets back its own mode."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
