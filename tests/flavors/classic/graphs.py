"""ONNX graphs for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

WEIGHTS = np.arange(600, dtype=np.float32).reshape(3, 200) / 100


def linear_model(inputs: tuple[str, ...] = ("x",), weights: Any = WEIGHTS) -> Any:
    """The sum of the inputs, times the weights, as `y`."""
    rows, columns = weights.shape
    nodes = [helper.make_node("Sum", list(inputs), ["sum"]), helper.make_node("MatMul", ["sum", "w"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, rows]) for name in inputs],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, columns])],
        [numpy_helper.from_array(weights, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
