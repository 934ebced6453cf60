"""What the commands share: settings from flags, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import pydantic
import typer
from pydantic_settings import BaseSettings

from milepost_server import config

Kind = TypeVar("Kind", bound=BaseSettings)

ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.", envvar="MILEPOST_CONFIG")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def described(kind: type[BaseSettings], name: str) -> str:
    """The description of a setting, for the help of its flag."""
    return str(kind.model_fields[name].description)


def resolved(kind: type[Kind], config_file: Path | None, **flags: Any) -> Kind:
    """The settings, with flags that were given. Ends the command with 2 when one is wrong."""
    try:
        return config.resolve(kind, config_file, **flags)
    except pydantic.ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        refuse("; ".join(problems), code=2)
    except (OSError, ValueError) as error:
        refuse(str(error), code=2)


def refuse(message: str, code: int = 1) -> NoReturn:
    """Ends the command with a message."""
    typer.echo(f"milepost: {message}", err=True)
    raise typer.Exit(code)
