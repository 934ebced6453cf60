"""Moving large artifacts over gRPC, and what memory it costs the server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
from google.api import httpbody_pb2

from benchmarks.framework import Effort, Figure, Goal, Sample, alternate, benchmark
from benchmarks.load.counting import write_payloads
from benchmarks.peers import grpc_stream
from benchmarks.process import Process, forget_peak, module, peak_resident_bytes, resident_bytes
from benchmarks.rates import run_load
from benchmarks.subject import Subject, new_run, scratch_folder, server
from milepost import v1 as pb
from milepost.v1 import artifact_service_pb2_grpc, tracking_service_pb2_grpc

_CHUNK_BYTES = 1024 * 1024
_CHUNKS = 200
_SERVICE = "/milepost.v1.ArtifactService"
_PEER = f"/{grpc_stream.SERVICE}"
_NAMES = ("artifact upload", "artifact download", "server memory during artifacts")


@benchmark(*_NAMES)
def artifacts(effort: Effort) -> Iterator[Figure]:
    """200 MiB up and down in messages of 1 MiB by one stream, beside a bare gRPC byte stream of the same messages.

    The subject writes to disk, hashes and records; the bare stream drops what it gets, sends a constant, and parses
    no message. The client is the same for both and works with bytes serialized ahead. Each upload replaces the file;
    its checksum is sent along and so verified. The memory is the peak of the server's resident bytes in all transfers
    over what it had when idle.
    """
    with scratch_folder() as folder, server(folder) as subject:
        transfer = _prepare(subject, folder)
        idle = resident_bytes(subject.pid)
        forget_peak(subject.pid)
        with Process(module("peers.grpc_stream", "--chunks", _CHUNKS, "--chunk-bytes", _CHUNK_BYTES)) as peer:
            port = int(peer.first_line)
            up = alternate(
                effort,
                partial(transfer.up, port, f"{_PEER}/Up"),
                partial(transfer.up, subject.grpc_port, f"{_SERVICE}/UploadArtifact"),
            )
            down = alternate(
                effort,
                partial(transfer.down, port, f"{_PEER}/Down"),
                partial(transfer.down, subject.grpc_port, f"{_SERVICE}/DownloadArtifact"),
            )
        growth = (peak_resident_bytes(subject.pid) - idle) / 2**20
    for name, (limit, sample) in zip(_NAMES, (up, down), strict=False):
        yield Figure(name, sample.value, "MiB/s", limit.value, Goal("ratio", ">=", 0.5))
    yield Figure(_NAMES[2], growth, "MiB", goal=Goal("value", "<", 64), detail=f"idle at {idle / 2**20:.0f} MiB")


@dataclass(frozen=True, slots=True)
class _Transfer:
    """The files with the messages that the client sends."""

    upload: Path
    download: Path

    def up(self, port: int, path: str) -> Sample:
        arguments = ("up", "--port", port, "--path", path, "--payloads", self.upload, "--messages", _CHUNKS)
        return _speed(run_load("grpc_transfer", *arguments))

    def down(self, port: int, path: str) -> Sample:
        arguments = ("down", "--port", port, "--path", path, "--payloads", self.download)
        return _speed(run_load("grpc_transfer", *arguments))


def _speed(report: dict[str, float]) -> Sample:
    if report["bytes"] < _CHUNKS * _CHUNK_BYTES:
        raise RuntimeError(f"only {report['bytes']} bytes were moved")
    return Sample(report["bytes"] / report["seconds"] / 2**20)


def _prepare(subject: Subject, folder: Path) -> _Transfer:
    """Makes a run and the messages, and uploads a small file, so that what is loaded once is not counted as growth."""
    chunk = os.urandom(_CHUNK_BYTES)
    body = httpbody_pb2.HttpBody(data=chunk)
    with grpc.insecure_channel(subject.target) as channel:
        run_id = new_run(tracking_service_pb2_grpc.TrackingServiceStub(channel))
        first = pb.UploadArtifactRequest(run_id=run_id, path="small.bin", body=httpbody_pb2.HttpBody(data=b"small"))
        artifact_service_pb2_grpc.ArtifactServiceStub(channel).UploadArtifact(iter([first]))
    digest = hashlib.sha256()
    for _ in range(_CHUNKS):
        digest.update(chunk)
    size = _CHUNKS * _CHUNK_BYTES
    first = pb.UploadArtifactRequest(run_id=run_id, path="a.bin", size=size, sha256=digest.hexdigest(), body=body)
    transfer = _Transfer(folder / "upload.json", folder / "download.json")
    later = pb.UploadArtifactRequest(body=body)
    write_payloads(transfer.upload, [first.SerializeToString(), later.SerializeToString()])
    request = pb.DownloadArtifactRequest(run_id=run_id, path="a.bin")
    write_payloads(transfer.download, [request.SerializeToString()])
    return transfer
