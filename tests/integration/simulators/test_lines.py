"""Serial lines on ptys take the time that the wire would, and can be broken. pyserial is the client at both ends."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial

from simulators.lines.pty_pair import PtyPair
from simulators.lines.serial_line import PtyLine
from simulators.lines.wire import WireSettings

LONGEST_S = 60.0
"""A busy machine delays the reader, never the wire: what it delays is tried again for so long."""


def in_some_try(holds: Callable[[], bool]) -> bool:
    """Whether something holds in one of the tries of a minute."""
    deadline = time.monotonic() + LONGEST_S
    while not (held := holds()) and time.monotonic() < deadline:
        continue
    return held


@pytest.fixture(params=["9600 8N1", "19200 8N1", "1200 8N1"])
def settings(request: pytest.FixtureRequest) -> WireSettings:
    return WireSettings.parse(request.param)


@pytest.fixture
def pair() -> Iterator[PtyPair]:
    with PtyPair(WireSettings(9600)) as line:
        yield line


def carry(line: PtyPair, data: bytes, back: bool = False, timeout_s: float = LONGEST_S) -> tuple[bytes, float]:
    """What arrives at the far end, and after how long."""
    near, far = (line.b, line.a) if back else (line.a, line.b)
    with serial.Serial(far, timeout=timeout_s) as receiver, serial.Serial(near) as sender:
        started = time.perf_counter()
        sender.write(data)
        received = receiver.read(len(data))
        return received, time.perf_counter() - started


def test_bytes_take_their_time_on_the_wire(settings: WireSettings) -> None:
    data = bytes(range(256))[: round(0.25 / settings.character_s)]  # a quarter of a second, or less at high speed
    with PtyPair(settings) as line:
        for back in (False, True):
            assert in_some_try(lambda: _is_paced(line, data, settings, back))


def _is_paced(line: PtyPair, data: bytes, settings: WireSettings, back: bool) -> bool:
    """Whether data arrived within a tenth of the wire's time; it never arrives before."""
    received, took_s = carry(line, data, back)
    assert received == data
    assert took_s > 0.9 * len(data) * settings.character_s
    return took_s < 1.1 * len(data) * settings.character_s


def test_every_byte_value_passes_unchanged(pair: PtyPair) -> None:
    assert carry(pair, bytes(range(256)))[0] == bytes(range(256))


def test_the_far_end_receives_piece_by_piece_not_all_at_once(pair: PtyPair) -> None:
    assert in_some_try(lambda: _between_first_and_last(pair) > 0.06)


def _between_first_and_last(pair: PtyPair) -> float:
    """Seconds from the first to the last of 96 bytes, which take 100 ms."""
    with serial.Serial(pair.b, timeout=LONGEST_S) as receiver, serial.Serial(pair.a) as sender:
        sender.write(b"x" * 96)
        receiver.read(1)
        first_s = time.perf_counter()
        assert len(receiver.read(95)) == 95
        return time.perf_counter() - first_s


def test_a_cut_line_loses_a_delayed_one_waits_a_garbled_one_changes(pair: PtyPair) -> None:
    pair.a_to_b.cut = True
    assert carry(pair, b"lost", timeout_s=0.2)[0] == b""
    pair.a_to_b.cut, pair.a_to_b.delay_s = False, 0.3
    received, took_s = carry(pair, b"late")
    assert received == b"late"
    assert took_s > 0.3
    pair.a_to_b.delay_s, pair.a_to_b.garble = 0.0, lambda data: bytes(byte ^ 1 for byte in data)
    assert carry(pair, b"bad")[0] == b"c`e"
    pair.a_to_b.garble = None
    assert carry(pair, b"well")[0] == b"well"


def test_a_client_may_close_and_come_back(pair: PtyPair) -> None:
    for text in (b"one", b"two"):
        assert carry(pair, text)[0] == text


async def test_a_line_that_ends_takes_only_its_own_name_with_it(tmp_path: Path) -> None:
    """A simulation may be started while the one before it ends: the name then belongs to the new one."""
    name = tmp_path / "ports" / "st-a.sondes"
    old = PtyLine(WireSettings(9600), name)
    old.open(lambda _: None)
    new = PtyLine(WireSettings(9600), name)
    new.open(lambda _: None)
    old.close()
    assert name.is_char_device()
    new.close()
    assert not name.is_symlink()
