"""Triton's two clients behind one face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from tritonclient.utils import np_to_triton_dtype


class Triton:
    """A client with the module that it is of.

    Args:
        client: Of either transport.
        module: Its module.
    """

    def __init__(self, client: Any, module: ModuleType) -> None:
        self.client = client
        self.module = module

    def inputs(self, arrays: Mapping[str, np.ndarray], **how: Any) -> list[Any]:
        """The tensors of a request; `how` is handed to `set_data_from_numpy`."""
        made = []
        for name, array in arrays.items():
            tensor = self.module.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
            tensor.set_data_from_numpy(array, **how)
            made.append(tensor)
        return made

    def outputs(self, names: Sequence[str], **how: Any) -> list[Any]:
        """The tensors that are wanted."""
        return [self.module.InferRequestedOutput(name, **how) for name in names]

    def infer(self, model: str, arrays: Mapping[str, np.ndarray], **call: Any) -> Any:
        """Predicts one batch."""
        return self.client.infer(model, self.inputs(arrays), **call)

    def output_names(self, result: Any) -> list[str]:
        """Names of the tensors of an answer."""
        response = result.get_response()
        outputs = response["outputs"] if isinstance(response, dict) else response.outputs
        return [output["name"] if isinstance(output, dict) else output.name for output in outputs]
