"""Serial lines paced to their baud rate: a pseudo-terminal, or a TCP port as of a serial-device server.

A pty alone passes bytes at once, whatever baud rate its user sets, so that a bus which is too busy would never show.
Here every byte takes its time on the wire. A line has a port at one end and a callback at the other, on a running
event loop.
"""

import asyncio
import contextlib
import os
import pty
import socket
import tty
from collections.abc import Callable
from pathlib import Path

from simulators.lines.wire import Wire, WireSettings

READ_SIZE = 4096


class Port:
    """The master side of a pty whose slave side (`path`) somebody else opens as a serial port."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        # The slave side stays open here too, or reads of the master fail with EIO whenever the client closes.
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)

    def listen(self, loop: asyncio.AbstractEventLoop, receive: Callable[[bytes], None]) -> None:
        """Hand over what the client writes, on the event loop."""
        self._loop = loop
        loop.add_reader(self._master, self._readable, receive)

    def _readable(self, receive: Callable[[bytes], None]) -> None:
        with contextlib.suppress(BlockingIOError):
            receive(os.read(self._master, READ_SIZE))

    def write(self, data: bytes) -> None:
        """Give bytes to the client; a full buffer loses them, as a real port with nobody reading does."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def close(self) -> None:
        """Stop listening and close both sides; the client sees a hang-up."""
        self._loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)


class _PacedEnd:
    """The simulators' end of a line: what both kinds of line have in common."""

    def __init__(self, settings: WireSettings) -> None:
        self.settings = settings
        self.inbound = Wire(settings)
        self.outbound = Wire(settings)
        self.echo = False
        """What the client sends comes back to it."""

    def open(self, receive: Callable[[bytes], None]) -> None:
        """Begin: `receive` is called with what the client sent, when it has crossed the line."""
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._listen()

    def _listen(self) -> None:
        raise NotImplementedError

    def pace(self, baud: float | None) -> None:
        """Carry bytes at this rate, None for the line's own."""
        character_s = self.settings.character_s * (1 if baud is None else self.settings.baud / baud)
        self.inbound.character_s = self.outbound.character_s = character_s

    def _from_client(self, data: bytes) -> None:
        for due, piece in self.inbound.put_whole(data, self._loop.time()):
            self._loop.call_at(due, self._receive, piece)
        if self.echo:
            self.send(data)

    def send(self, data: bytes) -> None:
        """Put `data` on the line to the client."""
        for due, piece in self.outbound.put(data, self._loop.time()):
            self._loop.call_at(due, self._to_client, piece)

    def _to_client(self, piece: bytes) -> None:
        raise NotImplementedError


class PtyLine(_PacedEnd):
    """A line with a serial port at `path` and the program at the other end.

    With a `link` the port has a stable name, as udev gives one: it can be unplugged and plugged in again.
    """

    def __init__(self, settings: WireSettings, link: Path | None = None) -> None:
        super().__init__(settings)
        self._link = link
        self._port: Port | None = Port()
        self._name()
        self.path = self._port.path if link is None else str(link)

    def _listen(self) -> None:
        if self._port is not None:
            self._port.listen(self._loop, self._from_client)

    def _name(self) -> None:
        if self._link is not None and self._port is not None:
            self._link.parent.mkdir(parents=True, exist_ok=True)
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self._port.path)

    def unplug(self) -> None:
        """Take the adapter out: the client sees a hang-up, and its port is gone."""
        if self._port is not None:
            if self._link is not None and self._link.is_symlink() and str(self._link.readlink()) == self._port.path:
                self._link.unlink(missing_ok=True)
            self._port.close()
            self._port = None

    close = unplug

    def plug(self) -> None:
        """Put the adapter in again: at its stable name if it has one, which leads to another device."""
        if self._port is None:
            self._port = Port()
            self._name()
            self._listen()

    def hang_up(self) -> None:
        """A serial line has no connection to close."""

    def _to_client(self, piece: bytes) -> None:
        if self._port is not None:
            self._port.write(piece)


class ServedLine(_PacedEnd):
    """A line behind a serial-device server: bytes come and go on a TCP connection, paced to the serial side.

    One client at a time, as such boxes do; a second one takes the place of the first, or with `most` is refused.
    `half_open` makes the connection that exists deaf for good.
    """

    def __init__(self, settings: WireSettings, port: int = 0) -> None:
        super().__init__(settings)
        self._listener: socket.socket | None = socket.create_server(("127.0.0.1", port))
        self._listener.setblocking(False)
        self.host, self.port = self._listener.getsockname()[:2]
        self.most: int | None = None
        self.half_open = False
        self._deaf = False
        self._client: socket.socket | None = None

    def _listen(self) -> None:
        if self._listener is not None:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        if self._listener is None:
            return
        client, _ = self._listener.accept()
        if self._client is not None and self.most is not None:
            client.close()
            return
        self.hang_up()
        self._client, self._deaf = client, False
        client.setblocking(False)
        self._loop.add_reader(client, self._readable)

    def _readable(self) -> None:
        if self._client is None:
            return
        try:
            data = self._client.recv(READ_SIZE)
        except ConnectionError:
            data = b""
        if not data:
            self.hang_up()
            return
        self._deaf = self._deaf or self.half_open
        if not self._deaf:
            self._from_client(data)

    def _to_client(self, piece: bytes) -> None:
        if self._client is not None and not self._deaf:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self._client.send(piece)

    def hang_up(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._loop.remove_reader(self._client)
            self._client.close()
            self._client = None

    def unplug(self) -> None:
        """Hang up and stop listening."""
        self.hang_up()
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    close = unplug

    def plug(self) -> None:
        """Listen again at the same port."""
        if self._listener is None:
            self._listener = socket.create_server((self.host, self.port))
            self._listener.setblocking(False)
            self._listen()


SerialLine = PtyLine | ServedLine
"""Where a server of a serial protocol may listen."""
