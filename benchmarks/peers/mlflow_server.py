"""MLflow's own server, with its defaults, on SQLite: prints its port once it answers, and ends with its children."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.peers.foreign import free_port, serve_foreign


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", required=True, help="An interpreter that has MLflow.")
    parser.add_argument("--folder", type=Path, required=True, help="Where its files are: `mlflow.db` is the database.")
    options = parser.parse_args()
    port = free_port()
    command = [options.python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{options.folder}/mlflow.db"]
    command += ["--default-artifact-root", str(options.folder / "artifacts")]
    serve_foreign(command, port, options.folder / "mlflow.log")


if __name__ == "__main__":
    _main()
