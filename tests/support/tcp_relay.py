"""A way to a server that can be cut."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class TcpRelay:
    """Passes connections on to a port of 127.0.0.1, until `stop`.

    Args:
        port: Where the server listens.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends all connections. New ones are passed on."""
        while self._open:
            _end(self._open.pop())

    def stop(self) -> None:
        """Ends all, and takes no more."""
        _end(self._listener)
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [caller, server]
                for source, sink in ((caller, server), (server, caller)):
                    threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    _end(source)
    _end(sink)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
