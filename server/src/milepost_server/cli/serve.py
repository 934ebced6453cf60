"""`milepost serve`."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from milepost.errors import MilepostError
from milepost_server.cli._common import ConfigFile, described, refuse, resolved
from milepost_server.errors import DomainError
from milepost_server.serving.app import ModelServer
from milepost_server.serving.settings import ServingSettings
from milepost_server.telemetry import set_up_logging


def _described(name: str) -> str:
    return described(ServingSettings, name)


def serve(
    models: Annotated[list[str] | None, typer.Argument(metavar="MODEL...", help=_described("models"))] = None,
    config_file: ConfigFile = None,
    tracking_uri: Annotated[str | None, typer.Option(help=_described("tracking_uri"))] = None,
    host: Annotated[str | None, typer.Option(help=_described("host"), show_default="127.0.0.1")] = None,
    http_port: Annotated[int | None, typer.Option(help=_described("http_port"), show_default="8080")] = None,
    grpc_port: Annotated[int | None, typer.Option(help=_described("grpc_port"), show_default="8081")] = None,
    trust: Annotated[bool | None, typer.Option("--trust", help=_described("trust"))] = None,
    workers: Annotated[int | None, typer.Option(help=_described("workers"), show_default="1")] = None,
    spares: Annotated[int | None, typer.Option(help=_described("spares"), show_default="1")] = None,
    max_batch_rows: Annotated[int | None, typer.Option(help=_described("max_batch_rows"), show_default="8192")] = None,
    max_batch_wait_ms: Annotated[
        float | None, typer.Option(help=_described("max_batch_wait_ms"), show_default="2")
    ] = None,
    max_queue: Annotated[int | None, typer.Option(help=_described("max_queue"), show_default="1000")] = None,
    environment: Annotated[
        str | None, typer.Option("--env", metavar="WHERE", help=_described("environment"), show_default="local")
    ] = None,
    device: Annotated[int | None, typer.Option(help=_described("device"))] = None,
    predict_timeout_s: Annotated[
        float | None, typer.Option(help=_described("predict_timeout_s"), show_default="60")
    ] = None,
    load_timeout_s: Annotated[float | None, typer.Option(help=_described("load_timeout_s"), show_default="300")] = None,
    max_worker_mib: Annotated[int | None, typer.Option(help=_described("max_worker_mib"), show_default="0")] = None,
    max_message_bytes: Annotated[
        int | None, typer.Option(help=_described("max_message_bytes"), show_default="67108864")
    ] = None,
    max_concurrent_calls: Annotated[
        int | None, typer.Option(help=_described("max_concurrent_calls"), show_default="2000")
    ] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help=_described("allowed_hosts") + " May be given several times.")
    ] = None,
    drain_s: Annotated[float | None, typer.Option(help=_described("drain_s"), show_default="10")] = None,
    access_log: Annotated[
        str | None, typer.Option(metavar="WHICH", help=_described("access_log"), show_default="errors")
    ] = None,
    sample_inputs: Annotated[
        float | None, typer.Option(metavar="SHARE", help=_described("sample_inputs"), show_default="0")
    ] = None,
    sample_dir: Annotated[Path | None, typer.Option(help=_described("sample_dir"))] = None,
    sample_file_mib: Annotated[int | None, typer.Option(help=_described("sample_file_mib"), show_default="64")] = None,
    sample_file_age_s: Annotated[
        float | None, typer.Option(help=_described("sample_file_age_s"), show_default="300")
    ] = None,
    otlp_endpoint: Annotated[str | None, typer.Option(metavar="URL", help=_described("otlp_endpoint"))] = None,
    trace_share: Annotated[
        float | None, typer.Option(metavar="SHARE", help=_described("trace_share"), show_default="0.1")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help=_described("log_level"), show_default="info")] = None,
    log_format: Annotated[str | None, typer.Option(help=_described("log_format"), show_default="auto")] = None,
) -> None:
    """Serve models over gRPC and HTTP until SIGTERM or Ctrl-C.

    A flag wins over the environment (MILEPOST_SERVING_HTTP_PORT and so on), which wins over the TOML file. Fails when a
    model cannot be loaded, or does not answer its input example.
    """
    flags = dict(locals())
    settings = resolved(
        ServingSettings,
        flags.pop("config_file"),
        models=tuple(flags.pop("models") or ()) or None,
        allowed_hosts=tuple(flags.pop("allowed_host") or ()) or None,
        **flags,
    )
    set_up_logging(settings.log_level, settings.log_format)
    try:
        uvloop.run(_serve(settings))
    except (DomainError, MilepostError, OSError, ValueError) as error:
        refuse(str(error))


async def _serve(settings: ServingSettings) -> None:
    running = ModelServer(settings)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    starting = asyncio.create_task(running.start())
    stopped = asyncio.create_task(stopping.wait())
    try:
        # Loading models may take minutes, in which the server can be told to stop.
        await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            # One line on standard output that a script can read; all else goes to the log on standard error.
            sys.stdout.write(
                f"Milepost serves: gRPC on {settings.host}:{running.grpc_port}, "
                f"HTTP on http://{settings.host}:{running.http_port}\n"
            )
            sys.stdout.flush()
            await stopped
    finally:
        starting.cancel()
        stopped.cancel()
        await asyncio.gather(starting, stopped, return_exceptions=True)
        await running.stop()
