"""MLflow's own server, with its defaults, on SQLite: prints its port once it answers, and ends with its children."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

_START_S = 120


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise RuntimeError(f"MLflow's server ended with {child.returncode}, see mlflow.log")
        try:
            with urlopen(f"http://127.0.0.1:{port}/health"):
                return
        except URLError:
            time.sleep(0.2)
    raise RuntimeError(f"MLflow's server did not answer within {_START_S} s")


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", required=True, help="An interpreter that has MLflow.")
    parser.add_argument("--folder", type=Path, required=True, help="Where its files are: `mlflow.db` is the database.")
    options = parser.parse_args()
    port = _free_port()
    command = [options.python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{options.folder}/mlflow.db"]
    command += ["--default-artifact-root", str(options.folder / "artifacts")]
    with (options.folder / "mlflow.log").open("wb") as log:
        # Its workers are processes, in a group of their own here.
        child = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(port, child)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        signal.sigwait([signal.SIGTERM])
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait()


if __name__ == "__main__":
    _main()
