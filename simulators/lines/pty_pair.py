"""A paced serial line with a port at both ends and a thread of its own, for tests that need no event loop."""

import asyncio
import threading
from types import TracebackType
from typing import Self

from simulators.lines.serial_line import Port
from simulators.lines.wire import Wire, WireSettings


class PtyPair:
    """Two serial ports, `a` and `b`, joined by a line paced to its baud rate; a context manager.

    `a_to_b` and `b_to_a` are the two directions: set `cut`, `delay_s` or `garble` on them to break the line.
    """

    def __init__(self, settings: WireSettings | None = None) -> None:
        settings = settings or WireSettings()
        self.a_to_b, self.b_to_a = Wire(settings), Wire(settings)
        self._ports = (Port(), Port())
        self.a, self.b = self._ports[0].path, self._ports[1].path
        self._loop = asyncio.new_event_loop()
        self._closed = False
        a, b = self._ports
        a.listen(self._loop, lambda data: self._carry(self.a_to_b, data, b))
        b.listen(self._loop, lambda data: self._carry(self.b_to_a, data, a))
        self._thread = threading.Thread(target=self._loop.run_forever, name="pty-pair", daemon=True)
        self._thread.start()

    def _carry(self, wire: Wire, data: bytes, port: Port) -> None:
        for due, piece in wire.put(data, self._loop.time()):
            self._loop.call_at(due, port.write, piece)

    def close(self) -> None:
        """Unplug both ends and end the thread."""
        if self._closed:
            return
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for port in self._ports:
            port.close()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
