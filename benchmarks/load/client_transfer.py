"""A file up and down by the Python client: prints the rates in MiB/s, each the median of three."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import milepost

# As the Java program does, whose code is slow until it is compiled.
_WARM_UPS = 5
_ROUNDS = 3


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--mib", type=int, required=True)
    options = parser.parse_args()
    up, down = [], []
    with tempfile.TemporaryDirectory() as folder, milepost.Client(options.address) as client:
        source, target = Path(folder) / "up.bin", Path(folder) / "down.bin"
        source.write_bytes(os.urandom(options.mib * 2**20))
        for _ in range(_WARM_UPS + _ROUNDS):
            began = time.perf_counter()
            client.artifacts.upload(options.run, source, "transfer.bin")
            uploaded = time.perf_counter()
            client.artifacts.download(options.run, "transfer.bin", target)
            up.append(options.mib / (uploaded - began))
            down.append(options.mib / (time.perf_counter() - uploaded))
    print(
        json.dumps(
            {"up_mib_per_s": statistics.median(up[_WARM_UPS:]), "down_mib_per_s": statistics.median(down[_WARM_UPS:])}
        )
    )


if __name__ == "__main__":
    _main()
