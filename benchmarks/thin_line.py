"""A TCP line with a limited rate between the agent and its broker, like a modem's; it can be cut and mended."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Final

from quantrac.private_services.ports import LOOPBACK, free_port

PIECE: Final = 1024
"""Bytes carried at once."""


class ThinLine:
    """Carries `bytes_s` bytes a second towards the broker, and everything back at once. Begins cut: call `mend`."""

    def __init__(self, target_port: int, bytes_s: float) -> None:
        self.port, self._target_port, self._bytes_s = free_port(), target_port, bytes_s
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []

    def mend(self) -> None:
        """Accept connections."""
        self._listener = socket.create_server((LOOPBACK, self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Break what is open and accept no more."""
        if self._listener is not None:
            self._listener.close()
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((LOOPBACK, self._target_port))
                self._open += [client, server]
                for source, sink, bytes_s in ((client, server, self._bytes_s), (server, client, float("inf"))):
                    threading.Thread(target=_carry, args=(source, sink, bytes_s), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, bytes_s: float) -> None:
    free_at = time.monotonic()
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            free_at = max(free_at, time.monotonic()) + len(piece) / bytes_s
            time.sleep(max(0.0, free_at - time.monotonic()))
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
