"""The process of a worker: `python -I -m milepost.models.worker SOCKET FILE FILE FILE FILE`, numbers of open files."""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import socket
import sys
import threading
import time

from milepost.models.worker.channel import Channel
from milepost.models.worker.memory import MemoryFile
from milepost.models.worker.session import Session

_GRACE_S = 5.0


def _main(connection: int, *files: int) -> int:
    os.dup2(2, 1)  # what a model prints goes where the server logs, at once
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable()
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group; the server says when its workers end
        signal.signal(number, signal.SIG_IGN)
    for descriptor in (connection, *files):
        os.set_inheritable(descriptor, False)
    threading.Thread(target=_end_with_parent, args=(connection,), daemon=True).start()
    memory = [MemoryFile(descriptor) for descriptor in files]
    with socket.socket(fileno=connection) as ours:
        Session(Channel(ours, memory[:2], memory[2:])).run()
    return 0


def _end_with_parent(connection: int) -> None:
    """Ends this process some time after the server has, also while the model is at work or hangs."""
    hang_up = select.poll()
    hang_up.register(connection, 0)
    hang_up.poll()
    time.sleep(_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(_main(*map(int, sys.argv[1:])))
