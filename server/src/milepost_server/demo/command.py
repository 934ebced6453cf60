"""`milepost demo`."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import milepost
from milepost_server import config
from milepost_server.app import Server
from milepost_server.config import Settings
from milepost_server.telemetry import set_up_logging

_NEEDED = ("sklearn", "matplotlib", "skops")


def demo(
    data_dir: Annotated[Path, typer.Option(help="Folder of the demo's server; it is made when missing.")] = Path(
        "milepost-data"
    ),
) -> None:
    """Train models on scikit-learn's data, track them, release and serve the best, and say how to look further."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        typer.echo(f"milepost: the demo needs {' and '.join(missing)}: pip install 'milepost[demo]'", err=True)
        raise typer.Exit(1)
    # Threads of BLAS only get in each other's way on data this small; it reads this as it is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from milepost_server.demo.release import release
    from milepost_server.demo.serve import serve
    from milepost_server.demo.tour import tour
    from milepost_server.demo.training import train_diabetes, train_digits

    with _own_server(data_dir) as server:
        grpc_address = f"127.0.0.1:{server.grpc_port}"
        http_url = f"http://127.0.0.1:{server.http_port}"
        typer.echo(f"A server runs at {grpc_address} (gRPC) and {http_url} (HTTP), with its data in {data_dir}.\n")
        milepost.set_tracking_uri(grpc_address)
        typer.echo("Training on digits, a grid of linear classifiers:")
        train_digits(typer.echo)
        typer.echo("\nTraining on diabetes, a grid of boosted trees:")
        train_diabetes(typer.echo)
        milepost.flush()
        typer.echo("")
        best_id = tour(grpc_address, http_url, typer.echo)
        typer.echo("")
        release(best_id, typer.echo)
        typer.echo("")
        serve(grpc_address, data_dir / "demo", typer.echo)
    typer.echo(_further(data_dir, best_id))


@contextmanager
def _own_server(data_dir: Path) -> Iterator[Server]:
    """A server on free ports in a thread of its own, so that the training code below is ordinary code."""
    settings = config.load(data_dir=data_dir, http_port=0, grpc_port=0, log_level="warning")
    set_up_logging(settings.log_level, settings.log_format)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="milepost-demo-server", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(_make(settings), loop).result()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _make(settings: Settings) -> Server:
    server = Server(settings)
    await server.start()
    return server


def _further(data_dir: Path, run_id: str) -> str:
    option = "" if data_dir == Path("milepost-data") else f" --data-dir {data_dir}"
    return f"""
The runs are kept. To look further, start a server on them (`make server` does so too):

  milepost server{option}

and, in another shell with `. .venv/bin/activate`:

  milepost experiments list
  milepost runs search --experiment demo-digits --order-by 'metrics.test/accuracy DESC'
  milepost runs show {run_id}
  milepost metrics plot {run_id} train/loss
  milepost models inspect models:/digits@champion
  milepost registry events digits
  milepost artifacts get {run_id} plots/confusion_matrix.png
  curl -G http://127.0.0.1:5000/v1/runs --data-urlencode 'filter=metrics.test/accuracy > 0.95'
  grpcurl -plaintext -d '{{"runId": "{run_id}"}}' 127.0.0.1:5001 milepost.v1.TrackingService/GetRun

To serve the champion, in a third:

  milepost serve models:/digits@champion
  curl -H 'content-type: application/json' -d @{data_dir}/demo/digit.json http://127.0.0.1:8080/invocations
  grpcurl -plaintext -d @ 127.0.0.1:8081 milepost.v1.PredictionService/Predict < {data_dir}/demo/request.json
"""
