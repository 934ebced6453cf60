"""Proves that the client works beside the protobuf and grpcio releases that training environments pin.

For each pair an environment of its own is made under `build/matrix`; the client's tests run in it, and a small training
script logs to a real server of this tree, which runs on the newest releases. Run by `make matrix`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PAIRS = [("5.29.6", "1.71.2"), ("6.33.5", "1.76.0")]
# What the client's tests need besides the client; its releases do not matter here.
TEST_PACKAGES = ["hypothesis", "matplotlib", "pandas", "pillow", "polars", "pyarrow", "pytest", "pytest-asyncio"]
SCRIPT = """
import milepost
with milepost.start_run(experiment="matrix", params={"lr": 0.5}) as run:
    for step in range(1000):
        milepost.log_metric("loss", 1 / (step + 1), step=step)
    milepost.log_text("kept", "notes.txt")
with milepost.Client() as client:
    read = client.runs.get(run.run_id)
    assert read.params == {"lr": 0.5}, read.params
    assert read.metric_summaries["loss"].count == 1000, read.metric_summaries
    assert client.artifacts.read(run.run_id, "notes.txt") == b"kept"
"""


def make_environment(protobuf: str, grpcio: str) -> str:
    """Makes the environment of a pair and returns its interpreter."""
    folder = ROOT / "build" / "matrix" / f"protobuf-{protobuf}"
    python = str(folder / "bin" / "python")
    uv = str(BIN / "uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
    pinned = [f"protobuf=={protobuf}", f"grpcio=={grpcio}", "-e", "clients/python", "pytest-timeout", *TEST_PACKAGES]
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *pinned], check=True, cwd=ROOT)
    return python


def check(python: str, address: str, folder: Path) -> None:
    """Runs the client's tests, and the script against a server. What waits for a server waits in the folder."""
    environment = {**os.environ, "MILEPOST_SPOOL_DIR": str(folder / "spool")}
    tests = [python, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", "tests/client"]
    subprocess.run(tests, check=True, cwd=ROOT, env=environment)
    environment |= {"MILEPOST_TRACKING_URI": address, "MILEPOST_STRICT": "1"}
    subprocess.run([python, "-c", SCRIPT], check=True, cwd=ROOT, env=environment, timeout=60)


def main() -> None:
    """Checks every pair; the first failure ends it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(BIN / "milepost"), "server", "--data-dir", folder, "--grpc-port", "0", "--http-port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                address = server.stdout.readline().partition("gRPC on ")[2].partition(",")[0]
                for protobuf, grpcio in PAIRS:
                    check(make_environment(protobuf, grpcio), address, Path(folder))
                    print(f"protobuf {protobuf} with grpcio {grpcio}: works")
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
