from __future__ import annotations

import json
import socket
from email.utils import formatdate

import pytest

from milepost.cli._checks import _clock
from support.cli import Cli
from support.servers import RunningServer


@pytest.fixture
def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def test_all_is_well_with_a_running_server(server: RunningServer) -> None:
    found = Cli(server.grpc_address).json("doctor", "--http-url", server.http_url)
    status = {check["name"]: check["status"] for check in found["checks"]}
    assert found["healthy"]
    assert {status[name] for name in ("client", "packages", "grpc", "versions", "health", "http", "clock")} == {"ok"}


def test_a_server_that_does_not_answer_fails_with_the_remedy(free_port: int) -> None:
    result = Cli(f"127.0.0.1:{free_port}").run("doctor", "--json", code=1)
    found = json.loads(result.stdout)
    failed = {check["name"]: check["detail"] for check in found["checks"] if check["status"] == "fail"}
    assert not found["healthy"]
    assert list(failed) == ["grpc"]
    assert "milepost server" in failed["grpc"]


def test_an_http_address_that_was_given_must_answer(server: RunningServer, free_port: int) -> None:
    result = Cli(server.grpc_address).run("doctor", "--http-url", f"http://127.0.0.1:{free_port}", code=1)
    assert "fail  http" in result.stdout


def test_an_address_of_another_scheme_is_not_opened(server: RunningServer) -> None:
    result = Cli(server.grpc_address).run("doctor", "--http-url", "file:///etc", code=1)
    assert "must begin with http" in result.stdout


def test_clocks_that_differ_are_worth_a_warning() -> None:
    assert _clock(formatdate(usegmt=True)).status == "ok"
    assert _clock(formatdate(0, usegmt=True)).status == "warn"


def test_http_address_comes_from_the_server(server: RunningServer) -> None:
    found = Cli(server.grpc_address).json("doctor")
    assert {"name": "http", "status": "ok"}.items() <= next(c for c in found["checks"] if c["name"] == "http").items()
    assert server.http_url in next(check["detail"] for check in found["checks"] if check["name"] == "http")
