"""`milepost sync`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from milepost.cli._output import print_json
from milepost.cli._session import AsJson


def sync(
    spool_dir: Annotated[
        Path | None,
        typer.Option(
            "--spool-dir",
            metavar="DIR",
            envvar="MILEPOST_SPOOL_DIR",
            help="Where the values wait. Default: where programs of this user leave them.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="ADDRESS", help="Send all to this server instead of those they were logged to."),
    ] = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.0, help="When to give up on a file.")
    ] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Send what programs logged and could not send: their server was away until they ended.

    Exits with 1 when something is left or was refused.
    """
    from milepost._spool import left_spools
    from milepost.config import ClientConfig, default_spool_dir, parse_address

    folder = spool_dir or default_spool_dir()
    address = None if to is None else parse_address(to)
    found = []
    for path in left_spools(folder):
        result = _send(path, address, timeout_s, ClientConfig)
        found.append(result)
        if not as_json:
            _print(result)
    if as_json:
        print_json({"spoolDir": str(folder), "files": found})
    elif not found:
        typer.echo(f"Nothing waits in {folder}.")
    if any(result["state"] in ("waiting", "unreadable") or result.get("refused") for result in found):
        raise typer.Exit(1)


def _send(path: Path, address: str | None, timeout_s: float, config: Any) -> dict[str, Any]:
    from milepost._channel import Transport
    from milepost._spool import Spool, SpoolDamaged, SpoolInUse
    from milepost._sync import send_spool

    try:
        spool = Spool.adopt(path)
    except (SpoolInUse, FileNotFoundError):
        return {"path": str(path), "state": "in use"}
    except SpoolDamaged:
        return {"path": str(path), "state": "unreadable"}
    address = address or spool.address
    transport = Transport(config(address))
    try:
        sent = send_spool(spool, transport, threading.Event(), timeout_s)
    finally:
        transport.close()
    return {
        "path": str(path),
        "state": "waiting" if sent.left else "sent",
        "address": address,
        "stored": sent.stored,
        "refused": sent.refused,
        "left": sent.left,
        "damagedBytes": sent.damaged_bytes,
        "problems": sent.problems,
    }


def _print(result: dict[str, Any]) -> None:
    name = Path(result["path"]).name
    if result["state"] == "in use":
        typer.echo(f"{name}: a running program uses it.")
        return
    if result["state"] == "unreadable":
        typer.echo(f"{name}: damaged from its beginning. Nothing of it can be sent; delete it.", err=True)
        return
    typer.echo(f"{name}: {result['stored']:,} values stored at {result['address']}.")
    if result["left"]:
        typer.echo(f"{name}: {result['left']:,} values wait on: the server did not answer in time.", err=True)
    if result["refused"]:
        typer.echo(f"{name}: {result['refused']:,} values were refused: {'; '.join(result['problems'])}", err=True)
    if result["damagedBytes"]:
        typer.echo(f"{name}: {result['damagedBytes']:,} damaged bytes at its end were cut off.", err=True)
