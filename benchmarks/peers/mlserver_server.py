"""MLServer with its defaults and one model of scikit-learn: prints its HTTP port once it answers.

Run with `--grpc-port` of a port that is free.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.peers.foreign import free_port, serve_foreign


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", required=True, help="An interpreter that has MLServer.")
    parser.add_argument("--folder", type=Path, required=True, help="Where `model.joblib` is; settings are made there.")
    parser.add_argument("--name", required=True, help="Name of the model.")
    parser.add_argument("--grpc-port", type=int, required=True)
    options = parser.parse_args()
    port = free_port()
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": options.grpc_port, "metrics_port": free_port()}
    model = {
        "name": options.name,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib"},
    }
    (options.folder / "settings.json").write_text(json.dumps(settings))
    (options.folder / "model-settings.json").write_text(json.dumps(model))
    command = [str(Path(options.python).with_name("mlserver")), "start", str(options.folder)]
    serve_foreign(command, port, options.folder / "mlserver.log", f"/v2/models/{options.name}/ready")


if __name__ == "__main__":
    _main()
