"""FastTrackML, with its defaults, on SQLite: prints its port once it answers."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.peers.foreign import free_port, serve_foreign


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True, help="The command `fml`.")
    parser.add_argument("--folder", type=Path, required=True, help="Where its files are.")
    options = parser.parse_args()
    port = free_port()
    command = [options.program, "server", "--listen-address", f"127.0.0.1:{port}"]
    command += ["--database-uri", f"sqlite://{options.folder}/fasttrackml.db"]
    command += ["--default-artifact-root", str(options.folder / "artifacts")]
    serve_foreign(command, port, options.folder / "fasttrackml.log")


if __name__ == "__main__":
    _main()
