"""Child processes of the benchmarks, and what the kernel says about them (Linux's /proc)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_S = 15


class Process:
    """A child that says on its first line of standard output that it is ready. Ends with the `with` block.

    Args:
        command: Program and arguments. It runs in the project's root, without the caller's `MILEPOST_…` settings.
    """

    def __init__(self, command: list[str]) -> None:
        self._child = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
        self.pid = self._child.pid
        assert self._child.stdout is not None
        self.first_line = self._child.stdout.readline()
        if not self.first_line:
            raise RuntimeError(f"{command} ended with {self._child.wait()} before it was ready")

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.terminate()
        try:
            self._child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()


def environment() -> dict[str, str]:
    """The environment without settings of Milepost, and with a cache of compiled modules.

    So a figure does not depend on who measures it; `PYTHONDONTWRITEBYTECODE` would make each start compile anew.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MILEPOST_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "PYTHONPYCACHEPREFIX": str(ROOT / "build" / "pycache")}


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs `benchmarks.<name>` with these arguments."""
    return [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]


def cpu_s(pid: int) -> float:
    """User and system seconds that a process has used in all its threads, and its children that live."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # a child that ended meanwhile
    own = (int(fields[11]) + int(fields[12])) / _TICKS
    return own + sum(cpu_s(int(child)) for found in children for child in found)


def resident_bytes(pid: int) -> int:
    """Memory of a process that is resident now (`VmRSS`)."""
    return _status_bytes(pid, "VmRSS")


def peak_resident_bytes(pid: int) -> int:
    """Most memory of a process that was resident since its start or `forget_peak` (`VmHWM`)."""
    return _status_bytes(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Makes what is resident now the peak."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status_bytes(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/{pid}/status has no {key}")
