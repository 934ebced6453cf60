"""`milepost server`."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Annotated

import typer
import uvloop

from milepost_server.app import Server
from milepost_server.cli._common import ConfigFile, described, refuse, resolved
from milepost_server.cli.database import DatabaseUrl, DataDir
from milepost_server.config import Settings
from milepost_server.errors import DomainError
from milepost_server.telemetry import set_up_logging


def _described(name: str) -> str:
    return described(Settings, name)


def server(
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help=_described("host"), show_default="127.0.0.1")] = None,
    http_port: Annotated[int | None, typer.Option(help=_described("http_port"), show_default="5000")] = None,
    grpc_port: Annotated[int | None, typer.Option(help=_described("grpc_port"), show_default="5001")] = None,
    database_url: DatabaseUrl = None,
    artifact_root: Annotated[str | None, typer.Option(help=_described("artifact_root"))] = None,
    synchronous: Annotated[str | None, typer.Option(help=_described("synchronous"), show_default="FULL")] = None,
    max_message_bytes: Annotated[
        int | None, typer.Option(help=_described("max_message_bytes"), show_default="33554432")
    ] = None,
    max_concurrent_calls: Annotated[
        int | None, typer.Option(help=_described("max_concurrent_calls"), show_default="1000")
    ] = None,
    max_watches: Annotated[int | None, typer.Option(help=_described("max_watches"), show_default="1000")] = None,
    database_pool: Annotated[int | None, typer.Option(help=_described("database_pool"), show_default="10")] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help=_described("allowed_hosts") + " May be given several times.")
    ] = None,
    webhook_host: Annotated[
        list[str] | None, typer.Option(help=_described("webhook_hosts") + " May be given several times.")
    ] = None,
    drain_s: Annotated[float | None, typer.Option(help=_described("drain_s"), show_default="10")] = None,
    log_level: Annotated[str | None, typer.Option(help=_described("log_level"), show_default="info")] = None,
    log_format: Annotated[str | None, typer.Option(help=_described("log_format"), show_default="auto")] = None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    A flag wins over the environment (MILEPOST_DATA_DIR and so on), which wins over the TOML file.
    """
    flags = dict(locals())
    settings = resolved(
        Settings,
        flags.pop("config_file"),
        allowed_hosts=tuple(flags.pop("allowed_host") or ()) or None,
        webhook_hosts=tuple(flags.pop("webhook_host") or ()) or None,
        **flags,
    )
    set_up_logging(settings.log_level, settings.log_format)
    try:
        uvloop.run(_serve(settings))
    except (DomainError, OSError, ValueError) as error:
        refuse(str(error))


async def _serve(settings: Settings) -> None:
    running = Server(settings)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await running.start()
    # One line on standard output that a script can read; all else goes to the log on standard error.
    sys.stdout.write(
        f"Milepost is ready: gRPC on {settings.host}:{running.grpc_port}, "
        f"HTTP on http://{settings.host}:{running.http_port}\n"
    )
    sys.stdout.flush()
    await stopping.wait()
    await running.stop()
