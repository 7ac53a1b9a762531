"""An agent whose disk has no room from its start on; the same over a whole process is in
tests/integration/edge_agent/test_store_and_forward.py."""

import time
from pathlib import Path

import pytest

from edge_agent.clocks.clock import Moment
from edge_agent.clocks.system_clock import SystemClock
from edge_agent.clocks.timekeeper import Timekeeper
from edge_agent.readings.records import SlotReading, SlotRecord
from edge_agent.sending import spool_start
from edge_agent.sending.announcement import Identity
from edge_agent.sending.forwarder import Forwarder
from edge_agent.sending.forwarding_loop import ForwardingLoop
from edge_agent.sending.spool_start import NOT_OPENED, SpoolStart
from edge_agent.slots.continuity import Continuity
from edge_agent.spooling import spool
from edge_agent.spooling.intake import Intake
from edge_agent.spooling.spool import DATABASE, Spool
from edge_agent.spooling.spool_file import SpoolUnwritable, connect
from quantrac.config.stations import ClockPlan, SpoolPlan
from quantrac.telemetry.states import State
from quantrac.telemetry.wire import decode_message
from tests.fixtures.timing import eventually


class Agent:
    """What an agent begins with, without instruments and broker."""

    def __init__(self, folder: Path) -> None:
        self.failed = False
        self.loop = ForwardingLoop(self._now, on_failure=self._fail)
        self.intake = Intake(wake=self.loop.wake)
        self.keeper = Timekeeper(SystemClock(), ClockPlan(trust="date", not_before_ms=0))
        plan = SpoolPlan(size_bytes=10**9, keep_ms=10**10)
        self.opening = SpoolStart(folder, plan, self.keeper, self.intake, self._forwarder, self._now, lambda: True)

    def measure(self, numbers: range) -> None:
        for n in numbers:
            self.intake.offer(SlotRecord(1_795_490_400_000 + n, (SlotReading("do", float(n), State.OK),)))

    def end(self) -> None:
        self.opening.give_up()
        self.loop.stop()
        self.opening.close()
        assert not self.failed

    def _forwarder(self, opened: Spool) -> Forwarder:
        identity = Identity("st-test", "quantrac 0", "cafe", [])
        return Forwarder(opened, self.intake, self, identity, rate=500, continuity=Continuity(), clock=self.keeper)

    def publish(self, topic: str, payload: bytes, tag: object = None, *, retain: bool = False) -> None:
        """There is no link."""

    def _fail(self) -> None:
        self.failed = True

    @staticmethod
    def _now() -> Moment:
        return Moment(time.monotonic(), time.time_ns() // 1_000_000)


class Disk:
    """Has no room while it is full."""

    full = True

    def connect(self, path: Path) -> object:
        if self.full:
            raise SpoolUnwritable("the spool cannot be written: database or disk is full")
        return connect(path)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(spool, "connect", disk.connect)
    monkeypatch.setattr(spool_start, "TRY_AGAIN_S", 0.01)
    return disk


def test_what_is_measured_before_the_disk_has_room_is_stored_when_it_has(disk: Disk, tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    assert agent.opening.begin(agent.loop) == NOT_OPENED
    agent.measure(range(1, 6))
    with pytest.raises(SpoolUnwritable, match="disk is full"):
        agent.loop.ask(lambda f: f.drained)
    seen = agent.loop.report()
    assert (seen.in_memory, seen.connected, "disk is full" in seen.disk) == (5, True, True)
    disk.full = False
    eventually(lambda: agent.loop.forwarder)
    agent.measure(range(6, 8))
    agent.end()
    with Spool(tmp_path, size_bytes=10**9, keep_ms=10**10, now_ms=0) as stored:
        messages = [decode_message(line) for _, line in stored.read(1, stored.last, 100)]
    assert [m.seq for m in messages] == list(range(1, 9))
    assert [m.r[0][1] for m in messages if m.r] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    (event,) = [event for m in messages for event in m.e]
    assert event[0] == "spool_unwritable"
    assert "disk is full; boot 1, agent start 1" in str(event[2])


def test_an_agent_that_ends_while_its_disk_is_full_waits_for_nothing(disk: Disk, tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.opening.begin(agent.loop)
    agent.measure(range(1, 6))
    agent.end()
    assert agent.loop.forwarder is None


def test_what_comes_just_before_the_end_is_stored(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.opening.begin(agent.loop)
    agent.measure(range(1, 4))
    agent.end()
    with Spool(tmp_path, size_bytes=10**9, keep_ms=10**10, now_ms=0) as stored:
        assert stored.last == 3


def test_a_spool_that_is_found_damaged_at_the_start_is_on_record(tmp_path: Path) -> None:
    """The gap in its epoch has a cause that the centre can read, not only the station's log."""
    (tmp_path / DATABASE).write_bytes(b"SQLite format 3\0" + b"\xff" * 8_000)
    agent = Agent(tmp_path)
    agent.opening.begin(agent.loop)
    agent.end()
    with Spool(tmp_path, size_bytes=10**9, keep_ms=10**10, now_ms=0) as stored:
        (event,) = [e for _, line in stored.read(1, stored.last, 100) for e in decode_message(line).e]
    assert event[0] == "spool_damaged"
    assert f"new epoch {stored.epoch}" in str(event[2])
    assert [file for file in tmp_path.iterdir() if "damaged" in file.name]
