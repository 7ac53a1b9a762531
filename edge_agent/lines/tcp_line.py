"""A TCP connection as a line of bytes: analysers with a network port, serial lines behind a serial-device server."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from edge_agent.lines.byte_line import ByteLine
from edge_agent.readings.misses import LineDown

CONNECT_S: Final = 3.0


class TcpLine(ByteLine):
    """One connection."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"{host}:{port}")
        self._host, self._port = host, port
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._transport is not None and not self._transport.is_closing()

    async def open(self) -> None:
        """Connect; raises LineDown with the reason. Does nothing if the connection stands."""
        if self.is_open:
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                transport, _ = await loop.create_connection(lambda: _Receiver(self), self._host, self._port)
        except TimeoutError as error:
            raise LineDown(f"{self._place}: no connection within {CONNECT_S:.0f} s") from error
        except OSError as error:
            raise LineDown(f"{self._place}: {error}") from error
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._transport = transport
        self._forget()

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def write(self, data: bytes) -> None:
        """Send bytes; raises LineDown."""
        if self._transport is None or self._transport.is_closing():
            raise LineDown(f"{self._place}: not connected")
        self._transport.write(data)

    def received(self, data: bytes) -> None:
        """Keep bytes that came."""
        self._took(data)

    def lost(self, transport: asyncio.BaseTransport | None) -> None:
        """Note that a connection ended."""
        if transport is self._transport:
            self._transport = None
        self._went_away()


class _Receiver(asyncio.Protocol):
    def __init__(self, line: TcpLine) -> None:
        self._line = line
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._line.received(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self._line.lost(self._transport)
