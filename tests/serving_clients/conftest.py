"""What tests of stock clients share: a tracking server, a model server, and a client of each kind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http

from serving_clients.server import Server, make_models

FOLDERS = ("tensor", "columns", "mixed", "acting", "echo")


def pytest_configure(config: pytest.Config) -> None:
    """Leaves alone what the clients' own libraries warn of."""
    config.addinivalue_line("filterwarnings", "ignore")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model server with the folders, and the registry beside it."""
    root = tmp_path_factory.mktemp("serving")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("MILEPOST_CACHE_DIR", str(root / "cache"))
        patch.setenv("MILEPOST_SPOOL_DIR", str(root / "spool"))
        tracking = stack.enter_context(Server(root / "tracking.log", "server", "--data-dir", str(root / "data")))
        make_models(root / "models", tracking)
        sources = [f"{name}={root / 'models' / name}" for name in FOLDERS]
        command = ("serve", *sources, "--trust", "--tracking-uri", tracking.grpc)
        yield stack.enter_context(Server(root / "serving.log", *command))


@pytest.fixture(scope="session")
def grpc_client(server: Server) -> Iterator[triton_grpc.InferenceServerClient]:
    """Triton's client for gRPC."""
    with triton_grpc.InferenceServerClient(server.grpc) as client:
        yield client


@pytest.fixture(scope="session")
def http_client(server: Server) -> Iterator[triton_http.InferenceServerClient]:
    """Triton's client for HTTP."""
    with triton_http.InferenceServerClient(server.http, concurrency=4) as client:
        yield client


@pytest.fixture(scope="session")
def plain(server: Server) -> Iterator[httpx.Client]:
    """HTTP without a client of the protocol."""
    with httpx.Client(base_url=f"http://{server.http}", trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def name() -> str:
    """A name that nobody else has."""
    return f"m{os.urandom(4).hex()}"
