"""The public surface: every RPC has a verb in both clients, every name loads, and importing stays light."""

from __future__ import annotations

import inspect
import subprocess
import sys
from functools import reduce
from typing import Any

import pytest
from google.protobuf import descriptor_pool

import milepost
from milepost import _methods
from milepost._methods import METHODS, Method

SERVICES = (
    "TrackingService",
    "MetricService",
    "ArtifactService",
    "RegistryService",
    "LoggedModelService",
    "WebhookService",
    "ImportService",
    "ServerService",
)


def rpcs() -> list[tuple[str, str]]:
    pool = descriptor_pool.Default()
    return [
        (service, method.name)
        for service in SERVICES
        for method in pool.FindServiceByName(f"milepost.v1.{service}").methods
    ]


@pytest.mark.parametrize(("service", "name"), rpcs())
def test_every_rpc_has_a_row(service: str, name: str) -> None:
    assert METHODS[name].service == service


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_every_row_is_an_rpc_with_its_messages(method: Method[Any, Any]) -> None:
    assert method.descriptor.input_type is method.request.DESCRIPTOR
    assert method.descriptor.output_type is method.response.DESCRIPTOR


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_both_clients_have_the_verb_with_the_same_parameters(method: Method[Any, Any]) -> None:
    clients: tuple[Any, Any] = (milepost.Client("127.0.0.1:1"), milepost.AsyncClient("127.0.0.1:1"))
    sync, aio = (reduce(getattr, method.verb.split("."), client) for client in clients)
    assert list(inspect.signature(sync).parameters) == list(inspect.signature(aio).parameters)
    assert sync.__doc__
    assert aio.__doc__


def test_only_reads_and_calls_with_a_request_id_are_repeated() -> None:
    assert _methods.GET_RUN.repeatable
    assert _methods.LOG_BATCH.repeatable
    assert not _methods.PURGE_RUN.repeatable
    assert not _methods.DELETE_ARTIFACTS.repeatable


@pytest.mark.parametrize("name", milepost.__all__)
def test_every_public_name_loads(name: str) -> None:
    assert getattr(milepost, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = milepost.no_such_name


def test_fluent_functions_are_public_names_of_the_package() -> None:
    from milepost import fluent

    assert set(fluent.__all__) <= set(milepost.__all__)


def test_importing_the_package_and_its_client_loads_no_heavy_library() -> None:
    program = "import milepost, sys; milepost.Client, milepost.start_run; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint({"numpy", "pandas", "polars", "PIL", "matplotlib", "fsspec", "typer", "grpc"})


def test_grpc_is_told_to_be_quiet_unless_told_otherwise() -> None:
    program = "import milepost, os; print(os.environ['GRPC_VERBOSITY'])"
    for given, expected in ({}, "ERROR"), ({"GRPC_VERBOSITY": "INFO"}, "INFO"):
        environment = {"PATH": "", "PYTHONPATH": ":".join(sys.path), **given}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert done.stdout.strip() == expected
