"""Real servers in processes of their own, for tests that end them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from support.api import response_class

MILEPOST = str(Path(sys.executable).parent / "milepost")
CALL_TIMEOUT_S = 30.0
_READY = re.compile(r"Milepost is ready: gRPC on 127\.0\.0\.1:(\d+), HTTP on http://127\.0\.0\.1:(\d+)\n")


async def call(channel: grpc.aio.Channel, method: str, request: Message) -> Any:
    """The answer to a call. Raises what grpcio raises."""
    response: type[Message] = response_class(method)
    return await channel.unary_unary(f"/{method}", type(request).SerializeToString, response.FromString)(
        request, timeout=CALL_TIMEOUT_S
    )


class ServerProcess:
    """`milepost server` on free ports of 127.0.0.1, ready when the constructor returns.

    Args:
        data_dir: Folder of its database and artifacts.
        flags: Further flags.
    """

    def __init__(self, data_dir: Path, *flags: str) -> None:
        command = [MILEPOST, "server", "--data-dir", str(data_dir), "--http-port", "0", "--grpc-port", "0", *flags]
        with (data_dir.parent / f"{data_dir.name}.log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        ready = _READY.fullmatch(self.process.stdout.readline())
        assert ready, f"the server did not start: {Path(log.name).read_text()}"
        self.grpc_address = f"127.0.0.1:{ready[1]}"
        self.http_url = f"http://127.0.0.1:{ready[2]}"

    def kill(self) -> None:
        """Ends the process as a crash does."""
        self.process.kill()

    def terminate(self) -> None:
        """Asks the process to end."""
        self.process.terminate()

    def wait(self, timeout_s: float = 30) -> int:
        """The exit code of the process, which ends by itself."""
        code = self.process.wait(timeout_s)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code
