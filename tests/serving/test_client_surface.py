"""The public surface of the client of model servers, and what can be told without a server."""

from __future__ import annotations

import inspect
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from google.protobuf import descriptor_pool

from milepost import serving
from milepost._methods import Method
from milepost.errors import BadModelInput
from milepost.serving._methods import METHODS, PREDICT, ROLL_BACK
from milepost.serving._values import encode

SERVICES = ("PredictionService", "ServingService")


def _rpcs() -> list[tuple[str, str]]:
    pool = descriptor_pool.Default()
    services = (pool.FindServiceByName(f"milepost.v1.{service}") for service in SERVICES)
    return [(service.name, method.name) for service in services for method in service.methods]


@pytest.mark.parametrize(("service", "name"), _rpcs())
def test_every_rpc_has_a_row_with_its_messages(service: str, name: str) -> None:
    method = METHODS[name]
    assert method.service == service
    assert method.descriptor.input_type is method.request.DESCRIPTOR
    assert method.descriptor.output_type is method.response.DESCRIPTOR


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_both_clients_have_the_verb_with_the_same_parameters(method: Method[Any, Any]) -> None:
    sync, aio = (getattr(kind, method.verb) for kind in (serving.ModelServer, serving.AsyncModelServer))
    assert list(inspect.signature(sync).parameters) == list(inspect.signature(aio).parameters)
    assert sync.__doc__
    assert aio.__doc__


def test_predictions_are_repeated_and_a_roll_back_is_not() -> None:
    assert PREDICT.repeatable
    assert not ROLL_BACK.repeatable


def test_importing_it_loads_no_heavy_library() -> None:
    program = "import milepost.serving, sys; milepost.serving.ModelServer, print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint({"numpy", "pandas", "polars", "pyarrow", "typer", "grpc"})


def test_the_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert serving.ModelServer().config.address == "127.0.0.1:8081"
    monkeypatch.setenv("MILEPOST_SERVING_URI", "grpc://models.example.com:9000")
    assert serving.AsyncModelServer().config.address == "models.example.com:9000"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([[2**53 + 1]], "rows"),
        ([{"x": Decimal("0.1")}], "rows.x"),
        ([{1: 2}], "rows"),
        (np.array([object()]), ""),
        (np.array([1 + 2j]), ""),
        ({"x": np.ma.masked_array([1, 2], [True, False])}, "x"),
        ({"x": np.array(["9999-01-01"], dtype="datetime64[D]")}, "x"),
        (pd.DataFrame({"x": [1, "a"]}), "x"),
    ],
    ids=["large-integer", "decimal", "key", "object", "complex", "masked", "time", "mixed"],
)
def test_what_has_no_exact_form_is_refused_with_its_field(data: Any, field: str) -> None:
    with pytest.raises(BadModelInput) as refused:
        encode(data)
    assert refused.value.metadata == {"field": field}


@pytest.mark.parametrize("data", [b"bytes", "text", 1.5, None, pd.Series([1.0])])
def test_what_is_no_batch_is_refused(data: Any) -> None:
    with pytest.raises(BadModelInput, match="A batch cannot be a"):
        encode(data)
