"""Text protocols on a bad line: answers that are damaged, late, or very late never become a value."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.instruments import bayern_hessen, sdi12
from edge_agent.instruments.drivers import mount
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.samples import Sample
from quantrac.config.devices import BusKind
from quantrac.config.stations import Bus, Station
from simulators.lines.serial_line import PtyLine
from simulators.lines.wire import WireSettings
from tests.fixtures.instruments import device, mounting, now_ms, profile, recorded, wall_clock

PERIOD_MS, SECONDS = 500, 13
LEAST, LONGEST_S = 4, 180.0
"""Values that have to come of each line, and how long they may take on a busy machine."""
LATENCIES = [*[0.02] * 12, 0.35, 0.9, 3.6]
"""Seconds; the timeout is 0.2, the guard 0.3: the last two come when everybody has stopped waiting and asks again."""

CLOCK_MS = 5


def dust(number: int) -> bytes:
    frame = b"\x02MD01 001 +%04d+03 00 00 000 000000 \x03" % number
    return frame + bayern_hessen.block_check(frame)


def weather(number: int) -> bytes:
    text = f"0r2,Ta={number}.0C"
    return (text + sdi12.crc_characters(text)).encode() + b"\r\n"


def level(number: int) -> bytes:
    text = f"0+{number}"
    return (text + sdi12.crc_characters(text)).encode() + b"\r\n"


SPOKEN: list[tuple[BusKind, str, dict[str, Any], Callable[[int], bytes], bytes]] = [
    ("bayern-hessen", "bayern-hessen", {"signals": {"n": {"block": 1}}}, dust, b"\x0304"),
    (
        "ascii", "vaisala-ascii", {"poll": "R2", "crc": True, "signals": {"n": {"key": "Ta", "letter": "C"}}},
        weather, b"\n",
    ),
    ("sdi-12", "sdi-12", {"crc": True, "signals": {"n": {"measure": "R0", "value": 1}}}, level, b"!"),
]  # fmt: skip


class Talker:
    """Answers each request with its running number, on a line of the kind that one does not want."""

    def __init__(self, answer: Callable[[int], bytes], end: bytes) -> None:
        self.line = PtyLine(WireSettings.parse("19200 8N1"))
        self.asked_ms: list[float] = []
        self._answer, self._end = answer, end
        self._free_at = 0.0
        self._random = random.Random(7)
        self._heard = b""

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.line.open(self._receive)

    def _receive(self, data: bytes) -> None:
        self._heard += data
        while self._end in self._heard:
            request, _, self._heard = self._heard.partition(self._end)
            if request.strip() == b"0":  # who is there?
                self._say(b"0\r\n")
                continue
            frame = self._answer(len(self.asked_ms))
            self.asked_ms.append(time.time() * 1000)
            if self._random.random() < 0.3:
                place = self._random.randrange(len(frame))
                frame = frame[:place] + bytes([frame[place] ^ 1 << self._random.randrange(7)]) + frame[place + 1 :]
            self._say(frame)

    def _say(self, frame: bytes) -> None:
        """Answer in the order of the requests, as an instrument with one port does."""
        self._free_at = max(self._free_at, self._loop.time()) + self._random.choice(LATENCIES)
        self._loop.call_at(self._free_at, self.line.send, frame)


async def read(kind: BusKind, protocol: str, fields: dict[str, Any], talker: Talker) -> list[Sample]:
    talker.start()
    bus = Bus(name="line", kind=kind, port=talker.line.path, guard_ms=300)
    one = device(
        profile(protocol, **fields), {"n": "n"}, None if kind == "bayern-hessen" else "0", bus,
        sample_ms=PERIOD_MS, report_ms=PERIOD_MS, timeout_ms=200,
    )  # fmt: skip
    (mounted,) = mount(cast(Station, SimpleNamespace(buses={"line": bus}, devices={"d": one})), now_ms)
    ((_, instrument),) = mounted.instruments
    samples = recorded(instrument)
    stop = asyncio.Event()
    reader = BusReader("line", mounted.bus, [mounting(one, instrument)], wall_clock(), MissCounts())
    reading, until = asyncio.create_task(reader.run(stop)), time.monotonic() + LONGEST_S
    await asyncio.sleep(SECONDS)
    while len(samples) < LEAST:
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
    stop.set()
    await reading
    talker.line.close()
    return samples


async def read_all() -> dict[str, tuple[Talker, list[Sample]]]:
    """Read one line of each protocol, side by side."""

    async def one(
        row: tuple[BusKind, str, dict[str, Any], Callable[[int], bytes], bytes],
    ) -> tuple[Talker, list[Sample]]:
        kind, protocol, fields, answer, end = row
        talker = Talker(answer, end)
        return talker, await read(kind, protocol, fields, talker)

    return dict(zip((row[1] for row in SPOKEN), await asyncio.gather(*map(one, SPOKEN)), strict=True))


@pytest.fixture(scope="module")
def lines() -> dict[str, tuple[Talker, list[Sample]]]:
    return asyncio.run(read_all())


@pytest.mark.parametrize("protocol", [row[1] for row in SPOKEN])
def test_only_whole_answers_to_the_request_just_sent_become_values(
    lines: dict[str, tuple[Talker, list[Sample]]], protocol: str
) -> None:
    talker, samples = lines[protocol]
    print(protocol, len(samples), "of", len(talker.asked_ms))
    assert len(samples) >= LEAST
    for sample in samples:
        assert sample.value is not None
        number = round(sample.value)
        assert talker.asked_ms[number] >= sample.t_ms - CLOCK_MS, "an answer to what was asked before"
        assert number == 0 or talker.asked_ms[number - 1] < sample.t_ms + CLOCK_MS, "to what had not been asked yet"
