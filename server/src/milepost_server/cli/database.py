"""`milepost db`: looks after the database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from milepost_server.cli._common import AsJson, ConfigFile, described, refuse, resolved
from milepost_server.config import Settings
from milepost_server.errors import DomainError
from milepost_server.storage.sql.optimizing import optimize
from milepost_server.storage.sql.revision import HEAD, current_revision, ensure_schema

db = typer.Typer(no_args_is_help=True, help="Look after the database.")

DataDir = Annotated[Path | None, typer.Option(help=described(Settings, "data_dir"), show_default="./milepost-data")]
DatabaseUrl = Annotated[str | None, typer.Option(help=described(Settings, "database_url"))]


@db.command("upgrade")
def db_upgrade(config_file: ConfigFile = None, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database to the schema of this version. Stop all servers and make a backup first."""
    settings = resolved(Settings, config_file, data_dir=data_dir, database_url=database_url)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        revision = asyncio.run(ensure_schema(settings.sql_url, upgrade=True))
    except (DomainError, OSError) as error:
        refuse(str(error))
    typer.echo(f"The database has schema revision {revision}.")


@db.command("status")
def db_status(
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Say which schema the database has, and which one this version needs. Exits with 1 when they differ."""
    settings = resolved(Settings, config_file, data_dir=data_dir, database_url=database_url)
    try:
        current = asyncio.run(current_revision(settings.sql_url))
    except (DomainError, OSError) as error:
        refuse(str(error))
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
    settings = resolved(Settings, config_file, data_dir=data_dir, database_url=database_url)
    try:
        current = asyncio.run(current_revision(settings.sql_url))
        if current != HEAD:
            refuse(f"the database has schema revision {current or 'none'} and not {HEAD}. Run `milepost db upgrade`.")
        asyncio.run(optimize(settings.sql_url))
    except (DomainError, OSError, ValueError) as error:
        refuse(str(error))
    typer.echo("The database is optimized.")
