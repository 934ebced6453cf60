"""What the server adds to the `milepost` command: `server` and `db`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import pydantic
import typer
import uvloop

from milepost_server import config
from milepost_server.app import Server
from milepost_server.config import Settings
from milepost_server.errors import DomainError
from milepost_server.storage.sql.optimizing import optimize
from milepost_server.storage.sql.revision import HEAD, current_revision, ensure_schema
from milepost_server.telemetry import set_up_logging

db = typer.Typer(no_args_is_help=True, help="Look after the database.")


def _described(name: str) -> str:
    return str(Settings.model_fields[name].description)


ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.", envvar="MILEPOST_CONFIG")]
DataDir = Annotated[Path | None, typer.Option(help=_described("data_dir"), show_default="./milepost-data")]
DatabaseUrl = Annotated[str | None, typer.Option(help=_described("database_url"))]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
    settings = _settings(
        flags.pop("config_file"),
        allowed_hosts=tuple(flags.pop("allowed_host") or ()) or None,
        webhook_hosts=tuple(flags.pop("webhook_host") or ()) or None,
        **flags,
    )
    set_up_logging(settings)
    try:
        uvloop.run(_serve(settings))
    except (DomainError, OSError, ValueError) as error:
        _refuse(str(error))


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


@db.command("upgrade")
def db_upgrade(config_file: ConfigFile = None, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database to the schema of this version. Stop all servers and make a backup first."""
    settings = _settings(config_file, data_dir=data_dir, database_url=database_url)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        revision = asyncio.run(ensure_schema(settings.sql_url, upgrade=True))
    except (DomainError, OSError) as error:
        _refuse(str(error))
    typer.echo(f"The database has schema revision {revision}.")


@db.command("status")
def db_status(
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Say which schema the database has, and which one this version needs. Exits with 1 when they differ."""
    settings = _settings(config_file, data_dir=data_dir, database_url=database_url)
    try:
        current = asyncio.run(current_revision(settings.sql_url))
    except (DomainError, OSError) as error:
        _refuse(str(error))
    if as_json:
        typer.echo(json.dumps({"current": current, "needed": HEAD}))
    else:
        typer.echo(f"current: {current or 'none (empty database)'}\nneeded:  {HEAD}")
    if current not in (None, HEAD):
        raise typer.Exit(1)


@db.command("optimize")
def db_optimize(config_file: ConfigFile = None, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Give space that holds nothing back, and renew the planner's statistics.

    SQLite: stop the server first. The others go on serving meanwhile.
    """
    settings = _settings(config_file, data_dir=data_dir, database_url=database_url)
    try:
        current = asyncio.run(current_revision(settings.sql_url))
        if current != HEAD:
            _refuse(f"the database has schema revision {current or 'none'} and not {HEAD}. Run `milepost db upgrade`.")
        asyncio.run(optimize(settings.sql_url))
    except (DomainError, OSError, ValueError) as error:
        _refuse(str(error))
    typer.echo("The database is optimized.")


def _settings(config_file: Path | None, **flags: Any) -> Settings:
    try:
        return config.load(config_file, **flags)
    except pydantic.ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        _refuse("; ".join(problems), code=2)
    except (OSError, ValueError) as error:
        _refuse(str(error), code=2)


def _refuse(message: str, code: int = 1) -> NoReturn:
    typer.echo(f"milepost: {message}", err=True)
    raise typer.Exit(code)
