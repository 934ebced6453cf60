"""Serves the champion, and asks it as other programs would: from Python, by `curl` and by `grpcurl`."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from milepost.serving import ModelServer
from milepost_server.demo.release import ALIAS, NAME
from milepost_server.demo.training import digits_to_test

Say = Callable[[str], None]

_READY = re.compile(r"gRPC on (\S+), HTTP on (\S+)")
_CALLS = 500
_STOP_S = 15
_TOOL_S = 10


def serve(tracking_address: str, folder: Path, say: Say) -> None:
    """Starts a model server on the champion of the registry, asks it, and ends it.

    Args:
        tracking_address: gRPC address of the server that has the registry.
        folder: Gets `digit.json` and `request.json`: what `curl` and `grpcurl` send.
        say: Prints a line.
    """
    images, labels = digits_to_test()
    with _model_server(tracking_address) as (grpc_address, http_url):
        say(f"served               models:/{NAME}@{ALIAS} at {grpc_address} (gRPC) and {http_url} (HTTP)")
        with ModelServer(grpc_address) as server:
            prediction = server.predict(NAME, images)
            right = int((prediction.data == labels).sum())
            say(f"  from Python        version {prediction.version} reads {right} of {len(labels)} digits right")
            say(f"  one digit          {_latency(server, images)}")
        _ask_by_tools(grpc_address, http_url, images[0].tolist(), folder, say)


@contextmanager
def _model_server(tracking_address: str) -> Iterator[tuple[str, str]]:
    """`milepost serve` on free ports, in a process of its own: its gRPC address and HTTP URL."""
    command = [sys.executable, "-m", "milepost.cli.main", "serve", f"models:/{NAME}@{ALIAS}"]
    command += ["--tracking-uri", tracking_address, "--grpc-port", "0", "--http-port", "0", "--log-level", "warning"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  this interpreter
    try:
        assert child.stdout is not None
        ready = _READY.search(child.stdout.readline())
        if ready is None:
            raise RuntimeError("the model server ended before it could answer")
        yield ready[1], ready[2]
    finally:
        child.terminate()
        try:
            child.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()


def _latency(server: ModelServer, images: np.ndarray) -> str:
    """How long calls for one digit take, one after the other."""
    taken = []
    for number in range(_CALLS):
        image = images[number % len(images)][None]
        began = time.perf_counter()
        server.predict(NAME, image)
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return f"p50 {taken[_CALLS // 2]:.2f} ms, p99 {taken[_CALLS * 99 // 100]:.2f} ms in {_CALLS} calls"


def _ask_by_tools(grpc_address: str, http_url: str, image: list[float], folder: Path, say: Say) -> None:
    folder.mkdir(exist_ok=True)
    digit, request = folder / "digit.json", folder / "request.json"
    digit.write_text(json.dumps({"inputs": [image]}))
    request.write_text(json.dumps({"model": NAME, "input": {"rows": [image]}}))
    headers = ["-H", "content-type: application/json"]
    _ask_by(["curl", "-s", *headers, "-d", f"@{digit}", f"{http_url}/invocations"], None, say)
    service = "milepost.v1.PredictionService/Predict"
    _ask_by(["grpcurl", "-plaintext", "-d", "@", grpc_address, service], request, say)


def _ask_by(command: list[str], given: Path | None, say: Say) -> None:
    """Says how a tool asks, and what it was answered if it is installed."""
    say(f"  {command[0]:<19}{shlex.join(command)}{f' < {given}' if given else ''}")
    program = shutil.which(command[0])
    if program is None:
        return
    text = given.read_text() if given else None
    done = subprocess.run(  # noqa: S603  a tool of the system, given as a list
        [program, *command[1:]], input=text, capture_output=True, text=True, timeout=_TOOL_S, check=True
    )
    say(f"{'':<21}{' '.join(done.stdout.split())}")
