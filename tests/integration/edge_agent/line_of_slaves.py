"""Modbus slaves on one paced line whose every reply carries the number of the request that it answers."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from dataclasses import dataclass, field

from edge_agent.modbus.framing import crc16
from simulators.lines import LineSettings, PtyLine


@dataclass
class Slave:
    """How a slave behaves: seconds to answer, share of its frames that are damaged, silence."""

    latency_s: float = 0.02
    garbled: float = 0.0
    silent: bool = False


@dataclass
class LineOfSlaves:
    """Answers function 03 with two registers: the running number of the request, as uint32."""

    slaves: dict[int, Slave]
    seed: int = 1
    asked_ms: dict[int, tuple[int, float]] = field(default_factory=dict)
    """Number of the request → unit, and wall clock (ms) when it arrived."""

    def __post_init__(self) -> None:
        self.line = PtyLine(LineSettings.parse("19200 8N1"))
        self._random = random.Random(self.seed)
        self._heard = b""

    def start(self) -> None:
        """Listen, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self.line.open(self._receive)

    def _receive(self, data: bytes) -> None:
        self._heard += data
        while len(self._heard) >= 8:
            frame = self._heard[:8]
            if crc16(frame[:6]) != frame[6:]:
                self._heard = self._heard[1:]
                continue
            self._heard = self._heard[8:]
            self._answer(frame)

    def _answer(self, request: bytes) -> None:
        unit, function, _, count = struct.unpack(">BBHH", request[:6])
        slave = self.slaves.get(unit)
        if slave is None or slave.silent:
            return
        number = len(self.asked_ms)
        self.asked_ms[number] = (unit, time.time() * 1000)
        frame = struct.pack(">BBB", unit, function, 2 * count) + struct.pack(">I", number)[-2 * count :]
        frame += crc16(frame)
        if self._random.random() < slave.garbled:
            frame = self._damage(frame)
        self._loop.call_later(slave.latency_s, self.line.send, frame)

    def _damage(self, frame: bytes) -> bytes:
        """Flip bits, cut the end off, or put noise before: what bad lines do."""
        kind = self._random.choice(["flip", "flip", "cut", "noise"])
        if kind == "cut":
            return frame[: self._random.randrange(3, len(frame))]
        place = self._random.randrange(len(frame))
        flipped = frame[:place] + bytes([frame[place] ^ self._random.randrange(1, 256)]) + frame[place + 1 :]
        return flipped if kind == "flip" else self._random.randbytes(2) + flipped
