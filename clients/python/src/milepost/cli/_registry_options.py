"""Arguments that the commands of `milepost registry` share, and how they say what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from milepost.cli import _complete as complete
from milepost.cli._output import note

if TYPE_CHECKING:
    from milepost.client import Client, ModelVersion

Name = Annotated[str, typer.Argument(metavar="NAME", help="A registered model.", autocompletion=complete.model_names)]
OptionalName = Annotated[
    str,
    typer.Argument(metavar="[NAME]", help="A registered model. Default: all.", autocompletion=complete.model_names),
]
Version = Annotated[
    str,
    typer.Argument(
        metavar="VERSION", help="NAME/NUMBER, NAME@ALIAS or NAME/latest.", autocompletion=complete.model_versions
    ),
]
Description = Annotated[str | None, typer.Option("--description", "-d", metavar="TEXT", help="Free text.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", "-t", metavar="KEY=VALUE", help="Set a tag; repeatable.")]
Untag = Annotated[list[str] | None, typer.Option("--untag", metavar="KEY", help="Remove a tag; repeatable.")]
Filter = Annotated[str, typer.Option("--filter", "-f", metavar="FILTER", help="Such as \"tags.team = 'risk'\".")]
OrderBy = Annotated[str, typer.Option("--order-by", "-o", metavar="ORDER", help="Such as 'name ASC'.")]


def find_version(client: Client, reference: str) -> ModelVersion:
    """The version of `NAME/NUMBER`, `NAME@ALIAS` or `NAME/latest`, with `models:/` before it or without.

    Raises:
        BadModelUri: It is none of these.
        NotFoundError: There is no such model, alias or version.
    """
    from milepost.models.registry.uri import AliasUri, VersionUri, parse_uri

    uri = parse_uri(reference if reference.startswith("models:") else f"models:/{reference}")
    if isinstance(uri, VersionUri):
        return client.model_versions.get(uri.name, uri.version)
    if isinstance(uri, AliasUri):
        return client.model_versions.get_by_alias(uri.name, uri.alias)
    raise typer.BadParameter(f"{reference!r} is no version. Give NAME/NUMBER or NAME@ALIAS.", param_hint="VERSION")


def titled(version: ModelVersion) -> str:
    """A version as questions and answers name it."""
    return f"version {version.version} of {version.name!r}"


def tell_more(found: int, limit: int) -> None:
    """Says on standard error that a list was cut, when more than `limit` were found."""
    if limit and found > limit:
        note(f"There are more than these {limit}. Show all with --limit 0.")
