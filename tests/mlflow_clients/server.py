"""The server that the clients speak to: `milepost server` of this checkout, in a process of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MILEPOST = ROOT / ".venv" / "bin" / "milepost"
STOP_TIMEOUT_S = 30.0
_READY = re.compile(r"Milepost is ready: gRPC on (127\.0\.0\.1:\d+), HTTP on (http://127\.0\.0\.1:\d+)\n")


class Server:
    """Runs on free ports of 127.0.0.1, ready when the constructor returns.

    Args:
        data_dir: Folder of its database and artifacts.
        flags: Further flags.
    """

    def __init__(self, data_dir: Path, *flags: str) -> None:
        command = [str(MILEPOST), "server", "--data-dir", str(data_dir), "--http-port", "0", "--grpc-port", "0", *flags]
        log = data_dir.parent / f"{data_dir.name}.log"
        with log.open("w") as errors:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self._process.stdout is not None
        ready = _READY.fullmatch(self._process.stdout.readline())
        assert ready, f"the server did not start: {log.read_text()}"
        self.grpc_address, self.url = ready.groups()

    def stop(self) -> None:
        """Ends the server, which must end by itself when it is asked to."""
        self._process.terminate()
        assert self._process.wait(STOP_TIMEOUT_S) == 0
        assert self._process.stdout is not None
        self._process.stdout.close()
