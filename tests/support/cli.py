"""The `milepost` command for tests: in this process, which is quick, or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from typer.testing import CliRunner, Result

from milepost.cli.main import app


class Cli:
    """The command against one server.

    Args:
        address: gRPC address of the server.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._runner = CliRunner(env={"MILEPOST_TRACKING_URI": address, "NO_COLOR": "1", "TZ": "UTC"})

    def run(self, *args: str, code: int = 0, input: bytes | None = None) -> Result:
        """Runs it in this process, without a terminal, and checks the exit code."""
        result = self._runner.invoke(app, list(args), input=input)
        assert result.exit_code == code, f"exit code {result.exit_code}: {result.output}"
        return result

    def out(self, *args: str) -> str:
        """What a run of it that succeeds prints."""
        return self.run(*args).stdout

    def json(self, *args: str) -> Any:
        """The document that a run of it with `--json` prints."""
        return json.loads(self.out(*args, "--json"))

    def refused(self, *args: str, code: int = 1) -> str:
        """The one line on standard error with which it fails."""
        result = self.run(*args, code=code)
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        return result.stderr

    def spawn(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs it in a process of its own."""
        command = [sys.executable, "-m", "milepost.cli.main", *args]
        env = {**os.environ, "MILEPOST_TRACKING_URI": self.address, **options.pop("env", {})}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False, **options)
