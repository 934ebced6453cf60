"""`milepost models cache`."""

from __future__ import annotations

import typer

from milepost.cli._output import add_row, print_json, print_table, table
from milepost.cli._session import AsJson, Yes, confirm, group
from milepost.cli._text import count, printable, size, when

app = group("Models that were fetched, and are kept on this machine.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List them, those used last first."""
    from milepost.models.registry.cache import Cache

    cache = Cache.configured()
    entries = cache.entries()
    if as_json:
        listed = [{**vars(entry), "used": entry.used.isoformat()} for entry in entries]
        print_json({"path": str(cache.root), "models": listed})
        return
    rows = table("DIGEST", "SIZE", "USED", "STATE", right=("SIZE",), whole=("DIGEST", "USED"))
    for entry in entries:
        state = "" if entry.complete else "partial"
        state = f"{state} in use".strip() if entry.in_use else state
        add_row(rows, (entry.key, size(entry.size), when(entry.used), state))
    print_table(rows, f"No models in {printable(str(cache.root))}.")


@app.command()
def clear(yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove all that no process uses. They are fetched again when they are asked for."""
    from milepost.models.registry.cache import Cache

    cache = Cache.configured()
    entries = [entry for entry in cache.entries() if not entry.in_use]
    freed = sum(entry.size for entry in entries)
    if entries:
        confirm("Remove", [f"{count(len(entries), 'model')} ({size(freed)}) from {cache.root}"], yes=yes)
    removed = [entry for entry in entries if cache.remove(entry)]
    if as_json:
        print_json({"removed": [entry.key for entry in removed], "size": sum(entry.size for entry in removed)})
    else:
        typer.echo(f"Removed {count(len(removed), 'model')} ({size(sum(entry.size for entry in removed))}).")
