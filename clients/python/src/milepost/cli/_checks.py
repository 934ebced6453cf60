"""What `milepost doctor` looks at."""

from __future__ import annotations

import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.error import URLError

from milepost._version import __version__
from milepost.cli._text import count, size

if TYPE_CHECKING:
    from milepost import v1 as pb
    from milepost.client import Client

TIMEOUT_S = 5.0
_SERVING = b"\x08\x01"
"""`grpc.health.v1.HealthCheckResponse` with status SERVING; the client does not depend on the package that has it."""
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_MOST_SKEW_S = 5.0
_LEAST_FREE_BYTES = 1024**3


@dataclass(frozen=True)
class Check:
    """What one check found.

    Args:
        name: What was looked at.
        status: `warn` is worth knowing, `fail` needs mending.
        detail: What was found, and the remedy.
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str


def checks(client: Client, http_url: str | None) -> Iterator[Check]:
    """All checks, each as soon as it is done.

    Args:
        client: A client of the server to check.
        http_url: The server's HTTP address. None for the port that the server
            says it has, on the gRPC host.
    """
    yield Check("client", "ok", f"milepost-client {__version__}, Python {sys.version.split()[0]} at {sys.executable}")
    yield _packages()
    yield _disk()
    info, reached = _grpc(client)
    yield reached
    if info is not None:
        yield _versions(info)
        yield _health(client.config.address)
        yield _database(client)
    if http_url is not None:
        yield from _http(http_url, given=True)
    elif info is not None:
        yield from _http(f"http://{client.config.address.rpartition(':')[0]}:{info.http_port}", given=False)


def _packages() -> Check:
    import google.protobuf
    import grpc
    from google.protobuf.internal import api_implementation

    kind = api_implementation.Type()
    detail = f"grpcio {grpc.__version__}, protobuf {google.protobuf.__version__} ({kind})"
    if kind == "python":
        return Check("packages", "warn", f"{detail} is slow. Reinstall protobuf from a wheel.")
    return Check("packages", "ok", detail)


def _disk() -> Check:
    here = Path.cwd()
    free = shutil.disk_usage(here).free
    return Check("disk", "ok" if free >= _LEAST_FREE_BYTES else "warn", f"{size(free)} free in {here}")


def _grpc(client: Client) -> tuple[pb.ServerInfo | None, Check]:
    from milepost.errors import MilepostError

    address = client.config.address
    try:
        info = client.server_info(timeout=TIMEOUT_S)
    except MilepostError as error:
        remedy = "Start one with `milepost server`, or name another with --server or MILEPOST_TRACKING_URI."
        return None, Check("grpc", "fail", f"no Milepost server answers at {address}. {remedy} ({error})")
    stores = f"{info.database} (schema {info.schema_revision}), artifacts in {info.artifact_scheme}"
    return info, Check("grpc", "ok", f"{address} answers: {stores}")


def _versions(info: pb.ServerInfo) -> Check:
    if info.version == __version__:
        return Check("versions", "ok", f"client and server are both {__version__}")
    return Check("versions", "warn", f"the server is {info.version}, this client {__version__}. Install the same.")


def _database(client: Client) -> Check:
    from milepost.errors import MilepostError

    try:
        status = client.database_status(timeout=TIMEOUT_S)
    except MilepostError as error:
        return Check("database", "warn", f"its state is not known: {error}")
    held = f"{count(status.runs, 'run')}, {status.metric_series:,} metric series"
    detail = f"{size(status.size_bytes)}, {size(status.free_bytes)} of it free; {held}"
    return Check("database", "warn" if status.advice else "ok", " ".join([f"{detail}.", *status.advice]))


def _health(address: str) -> Check:
    import grpc

    with grpc.insecure_channel(address) as channel:
        try:
            answer = channel.unary_unary(_HEALTH_CHECK, bytes, bytes)(b"", timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return Check("health", "fail", f"the gRPC health service does not answer: {error.code().name}")
    if answer == _SERVING:
        return Check("health", "ok", "the gRPC health service says SERVING")
    return Check("health", "fail", "the gRPC health service says that the server is not serving")


def _http(url: str, *, given: bool) -> Iterator[Check]:
    """Readiness, and the clocks. An address that nobody gave may be wrong, behind a proxy for one: no failure then."""
    try:
        with _open(f"{url.rstrip('/')}/readyz") as answer:
            date = answer.headers.get("date")
            body = answer.read(200).decode(errors="replace").strip()
    except (OSError, HTTPException, ValueError) as error:
        remedy = "" if given else " If it has another address, give --http-url."
        cause = error.reason if type(error) is URLError else error  # which says no more than its cause
        yield Check("http", "fail" if given else "warn", f"{url}/readyz is not ready: {cause}.{remedy}")
        return
    yield Check("http", "ok", f"{url}/readyz says {body!r}")
    if date is not None:
        yield _clock(date)


def _open(url: str) -> Any:
    if not url.startswith(("http://", "https://")):
        raise ValueError("the address must begin with http:// or https://")
    # Proxies of the environment are for the world outside, and a tracking server is usually not there.
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=TIMEOUT_S)


def _clock(date: str) -> Check:
    try:
        skew_s = time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Check("clock", "warn", f"the server's time {date!r} cannot be read")
    # The header has whole seconds, cut off.
    ahead_s = skew_s - 0.5
    if abs(ahead_s) <= _MOST_SKEW_S:
        return Check("clock", "ok", "the clocks of this machine and the server agree within seconds")
    where = "ahead of" if ahead_s > 0 else "behind"
    return Check("clock", "warn", f"this machine is {abs(ahead_s):.0f} s {where} the server. Set the clocks by NTP.")
