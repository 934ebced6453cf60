"""The server driven by a client that knows nothing of it: `buf curl`, which, as grpcurl does, asks by reflection."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.servers import RunningServer

BUF = str(Path(sys.executable).parent / "buf")


def buf_curl(server: RunningServer, method: str, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    """Calls a method with one or more request messages and returns its response messages."""
    url = f"http://{server.grpc_address}/{method}"
    command = [BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect-protocol", "grpc-v1alpha"]
    done = subprocess.run(
        [*command, "--data", "@-", url],
        input="".join(json.dumps(request) for request in requests),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json_documents(done.stdout)


def json_documents(text: str) -> list[dict[str, Any]]:
    """The JSON documents that follow each other in a text."""
    documents, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        documents.append(document)
        text = text[end:]
    return documents


def test_unary_call_by_reflection(server: RunningServer) -> None:
    request = {"run": {"name": "by-reflection", "params": {"lr": {"doubleValue": 0.5}}}}
    (created,) = buf_curl(server, "milepost.v1.TrackingService/CreateRun", request)
    run_id = created["run"]["runId"]
    (read,) = buf_curl(server, "milepost.v1.TrackingService/GetRun", {"runId": run_id})
    assert read["run"]["name"] == "by-reflection"
    assert read["run"]["params"] == {"lr": {"doubleValue": 0.5}}


def test_streams_by_reflection(server: RunningServer) -> None:
    (created,) = buf_curl(server, "milepost.v1.TrackingService/CreateRun", {})
    run_id = created["run"]["runId"]
    first = {"runId": run_id, "path": "a/b.txt", "body": {"data": "aGVs"}}
    (stored,) = buf_curl(server, "milepost.v1.ArtifactService/UploadArtifact", first, {"body": {"data": "bG8="}})
    assert stored["artifact"]["size"] == "5"
    parts = buf_curl(server, "milepost.v1.ArtifactService/DownloadArtifact", {"runId": run_id, "path": "a/b.txt"})
    assert parts[0]["body"]["data"] == "aGVsbG8="


def test_refusal_by_reflection_names_the_field(server: RunningServer) -> None:
    with pytest.raises(AssertionError, match="run_id"):
        buf_curl(server, "milepost.v1.TrackingService/GetRun", {})
