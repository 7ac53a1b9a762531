"""Modbus TCP units behind one address, like an analyser with a network port or a gateway."""

import asyncio
import struct

from simulators.buses.journal import Exchange
from simulators.buses.modbus import GATEWAY_TARGET_SILENT, Clock, RegisterInstrument, Units, foreign, reply, unit_at
from simulators.buses.mount import Mount
from simulators.faults.treatment import Treatment

LEAST_LENGTH, MOST_LENGTH = 2, 254
HANGING_UP_S = 1.0


class TcpSlaves:
    """The units; one that does not exist is what a gateway reports: exception 11.

    `most` bounds the connections, `half_open` makes those that exist deaf for good, `unplug` takes the listener away.
    """

    def __init__(self, units: Units, clock: Clock, port: int = 0) -> None:
        self._units, self._clock = units, clock
        self.host, self.port = "127.0.0.1", port
        self.most: int | None = None
        self.half_open = False
        self._clients: set[asyncio.StreamWriter] = set()
        self._deaf: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Bind and listen; afterwards `port` is the real one. Raises OSError if the port is taken."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._server is None:
            return
        self._server.close()
        for client in list(self._clients):
            client.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=HANGING_UP_S)
        await self._server.wait_closed()
        self._server = None

    unplug = stop

    async def plug(self) -> None:
        """Listen again at the same port."""
        if self._server is None:
            await self.start()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.most is not None and len(self._clients) >= self.most:
            writer.close()
            return
        self._clients.add(writer)
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                header = await reader.readexactly(7)
                _, protocol, length, unit = struct.unpack(">HHHB", header)
                if protocol != 0 or not LEAST_LENGTH <= length <= MOST_LENGTH:
                    return
                request = header + await reader.readexactly(length - 1)
                if self.half_open:
                    self._deaf.add(writer)
                if writer not in self._deaf:
                    self._request(unit, request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._clients.discard(writer)
            self._deaf.discard(writer)
            writer.close()

    def _request(self, unit: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        now = self._clock()
        mount = unit_at(self._units, unit, now)
        if mount is None:
            writer.write(_framed(request, unit, bytes([request[7] | 0x80, GATEWAY_TARGET_SILENT])))
            return
        treatment = mount.asked(now)
        if treatment.mute:
            mount.keep_silent(now, request, treatment)
        else:
            asyncio.get_running_loop().call_later(treatment.wait_s, self._reply, mount, request, treatment, writer)

    def _reply(
        self, mount: Mount[RegisterInstrument], request: bytes, treatment: Treatment, writer: asyncio.StreamWriter
    ) -> None:
        t, unit = self._clock(), request[6]
        made, changed = reply(mount, request[7:], t, treatment)
        if treatment.hit_by("hangup"):
            writer.close()
            return
        shown = foreign(unit) if treatment.hit_by("foreign") else unit
        wire = _framed(request, shown, treatment.damaged(changed))
        mount.send(writer.write, treatment, Exchange(t, request, _framed(request, unit, made), wire))


def _framed(request: bytes, unit: int, pdu: bytes) -> bytes:
    """A reply with the transaction number of its request."""
    return request[:2] + struct.pack(">HHB", 0, len(pdu) + 1, unit) + pdu
