"""The servers that the clients speak to: `milepost serve` and `milepost server` of this checkout, as processes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = ROOT / ".venv" / "bin"
STOP_TIMEOUT_S = 30.0
_READY = re.compile(r"Milepost \S+(?: \S+)?: gRPC on (127\.0\.0\.1:\d+), HTTP on http://(127\.0\.0\.1:\d+)\n")


class Server:
    """Runs a command of `milepost` on free ports of 127.0.0.1; it is ready when the constructor returns.

    Args:
        log: File for what it logs.
        command: Its subcommand and flags.
    """

    def __init__(self, log: Path, *command: str) -> None:
        ports = ["--http-port", "0", "--grpc-port", "0"]
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [str(BIN / "milepost"), *command, *ports], stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self._process.stdout is not None
        ready = _READY.fullmatch(self._process.stdout.readline())
        if ready is None:
            self.stop()
            raise RuntimeError(f"the server did not start: {log.read_text()}")
        self.grpc, self.http = ready.groups()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.stop() == 0

    def stop(self) -> int:
        """Asks the server to end, which it must do by itself; returns its exit code."""
        self._process.terminate()
        code = self._process.wait(STOP_TIMEOUT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


def make_models(folder: Path, tracking: Server) -> None:
    """Makes the models, see `make_models.py`."""
    script = Path(__file__).with_name("make_models.py")
    subprocess.run([str(BIN / "python"), str(script), str(folder), tracking.grpc], check=True)
