"""MLflow's scoring server with its defaults: prints its port once it answers, and ends with its children."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.peers.foreign import free_port, serve_foreign


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", required=True, help="An interpreter that has MLflow.")
    parser.add_argument("--model", type=Path, required=True, help="A model in MLflow's form.")
    options = parser.parse_args()
    port = free_port()
    # The command starts uvicorn by its name.
    os.environ["PATH"] = f"{Path(options.python).parent}{os.pathsep}{os.environ['PATH']}"
    command = [options.python, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", str(options.model), "--host", "127.0.0.1", "--port", str(port)]
    serve_foreign(command, port, options.model.with_suffix(".log"))


if __name__ == "__main__":
    _main()
