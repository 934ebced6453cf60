"""`milepost registry alias`."""

from __future__ import annotations

from typing import Annotated

import typer

from milepost.cli import _complete as complete
from milepost.cli._output import add_row, print_json, print_table, table
from milepost.cli._registry_options import Name, titled
from milepost.cli._session import AsJson, Yes, confirm, connect, group
from milepost.cli._text import printable

app = group("Aliases: names that point to versions.")
AliasName = Annotated[str, typer.Argument(metavar="ALIAS", help="The alias.", autocompletion=complete.aliases)]
Expected = Annotated[
    int | None,
    typer.Option("--expected", metavar="NUMBER", min=0, help="Only if it points to this version now; 0 for to none."),
]


@app.command("list")
def list_aliases(ctx: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """List the aliases of a registered model."""
    found = connect(ctx).registered_models.get(name)
    if as_json:
        print_json({"aliases": {alias: str(version) for alias, version in sorted(found.aliases.items())}})
        return
    rows = table("ALIAS", "VERSION", "PROTECTED FOR", right=("VERSION",))
    protected = found.protected_aliases
    for alias, version in sorted(found.aliases.items()):
        add_row(rows, (alias, str(version), ", ".join(protected.get(alias, ()))))
    print_table(rows, "No aliases.")


@app.command("set")
def set_alias(
    ctx: typer.Context,
    name: Name,
    alias: AliasName,
    version: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="Number of the version.")],
    expected: Expected = None,
    as_json: AsJson = False,
) -> None:
    """Point an alias to a version, away from another one at the same moment."""
    changed = connect(ctx).registered_models.set_alias(name, alias, version, expected_version=expected)
    said = f"Alias {printable(alias)} points to version {version} of {printable(repr(name))}."
    print_json(changed.proto) if as_json else typer.echo(said)


@app.command("delete")
def delete_alias(
    ctx: typer.Context,
    name: Name,
    alias: AliasName,
    expected: Expected = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove an alias. Who loads the model by it finds nothing."""
    client = connect(ctx)
    found = client.model_versions.get_by_alias(name, alias)
    confirm("Remove", [f"alias {alias!r} of {titled(found)}"], yes=yes)
    # Only as it was shown: it may have been moved since.
    changed = client.registered_models.delete_alias(
        name, alias, expected_version=found.version if expected is None else expected
    )
    print_json(changed.proto) if as_json else typer.echo(f"Removed alias {printable(alias)} of {titled(found)}.")
