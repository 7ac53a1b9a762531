"""What is measured before the clock can be believed gets its real time afterwards, and never an invented one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.clocks.clock import Moment
from edge_agent.clocks.system_clock import SystemClock, chrony_look
from edge_agent.clocks.timekeeper import Timekeeper
from edge_agent.clocks.trust import ClockLook, ClockStamp, Offered, dated, is_trusted
from edge_agent.readings.records import SlotReading, SlotRecord, StationEvent
from edge_agent.readings.samples import Measured
from edge_agent.slots.continuity import Continuity, SlotSeries
from edge_agent.spooling.intake import Intake
from edge_agent.spooling.record_store import RecordStore
from edge_agent.spooling.spool import Spool
from quantrac.config.stations import ClockPlan
from quantrac.telemetry.states import State
from quantrac.telemetry.wire import Message, decode_message

TRUE_MS = 1_795_490_400_000  # 2026-11-24T03:20:00Z
NOT_BEFORE = 1_748_736_000_000  # 2025-06-01
BY_DATE = ClockPlan(trust="date", not_before_ms=NOT_BEFORE)
BY_SYNC = ClockPlan(trust="synchronised", not_before_ms=NOT_BEFORE)
UNSYNC, SYNC, NOBODY = ClockLook(False, None), ClockLook(True, -0.4), ClockLook(None, None)


@pytest.mark.parametrize(
    ("plan", "wall_ms", "look", "was_synchronised", "expected"),
    [
        (BY_DATE, 0, SYNC, True, False),
        (BY_DATE, TRUE_MS, UNSYNC, False, True),
        (BY_SYNC, TRUE_MS, UNSYNC, False, False),
        (BY_SYNC, TRUE_MS, SYNC, False, True),
        (BY_SYNC, TRUE_MS, UNSYNC, True, True),
        (BY_SYNC, TRUE_MS, NOBODY, False, True),
    ],
)
def test_which_clock_is_believed(
    plan: ClockPlan, wall_ms: int, look: ClockLook, was_synchronised: bool, expected: bool
) -> None:
    assert is_trusted(plan, wall_ms, look, was_synchronised) is expected


def test_chrony_says_by_how_much_the_clock_is_behind() -> None:
    """Field order after chronyc(1), `tracking`; the line is made up after it."""
    line = "A29FC87B,10.0.0.1,3,1795490398.1,0.001250000,-0.000013,0.00002,-4.5,-0.001,0.03,0.01,0.0009,64.2,Normal"
    assert chrony_look(line) == ClockLook(True, 1.25)
    assert chrony_look(line.replace("Normal", "Not synchronised")) == ClockLook(False, None)
    assert chrony_look("506 Cannot talk to daemon") is None


@given(st.integers(0, 10**12), st.integers(1_000, 10**12), st.integers(0, 10**9))
def test_a_record_is_dated_by_how_long_ago_it_was_measured(showed_ms: int, later_ms: int, boot_ms: int) -> None:
    record = SlotRecord(showed_ms, (), (StationEvent("restart", None, "", showed_ms - 5),))
    made = dated(Offered(record, ClockStamp(showed_ms - boot_ms, trusted=False)), TRUE_MS - (boot_ms + later_ms))
    if abs(TRUE_MS - later_ms - showed_ms) > 500:
        assert (made.t_ms, made.events[0].t_ms) == (TRUE_MS - later_ms, TRUE_MS - later_ms - 5)
    else:
        assert made == record


class Source(SystemClock):
    """Clocks that a test moves; the machine started at 0."""

    def __init__(self, wall_ms: int, look: ClockLook = UNSYNC, boot: str = "boot-a") -> None:
        self.wall, self.boot, self.said, self.name = wall_ms, 0, look, boot

    def wall_ms(self) -> int:
        return self.wall

    def boot_ms(self) -> int:
        return self.boot

    def boot_id(self) -> str:
        return self.name

    def look(self) -> ClockLook:
        return self.said

    def passes(self, ms: int) -> None:
        self.wall, self.boot = self.wall + ms, self.boot + ms


class Agent:
    """Intake, clock and spool of one run of the agent."""

    def __init__(self, folder: Path, source: Source, plan: ClockPlan) -> None:
        self.source = source
        self.spool = Spool(folder, size_bytes=10**9, keep_ms=10**10, now_ms=source.wall)
        was = self.spool.synchronised_boot() == source.boot_id()
        self.keeper = Timekeeper(source, plan, was_synchronised=was)
        self.keeper.refresh()
        self.intake = Intake(stamp=self.keeper.stamp)
        self.storing = RecordStore(
            self.spool, self.intake, Continuity([SlotSeries("sonde", 60_000, ("do",))]), self.keeper
        )

    def measures(self, value: float) -> None:
        record = SlotRecord(self.source.wall, (SlotReading("do", value, State.OK),))
        self.intake.offer(record)
        self.turn()

    def turn(self) -> int:
        self.keeper.refresh()
        return len(self.storing.store(Moment(self.source.boot / 1000, self.source.wall)))

    def messages(self) -> list[Message]:
        return [decode_message(line) for _, line in self.spool.read(1, self.spool.last, 1000)]

    def values(self) -> list[tuple[int, float | None]]:
        return [(m.t, m.r[0][1]) for m in self.messages() if m.r]

    def events(self) -> list[tuple[str, str]]:
        self.turn()
        return [(kind, detail) for m in self.messages() for kind, _, detail, _ in m.e]


Runs = Callable[[Source, ClockPlan], Agent]
"""Begins a run of the agent over the same spool; the run before it ends."""


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    begun: list[Agent] = []

    def run(source: Source, plan: ClockPlan = BY_DATE) -> Agent:
        for before in begun[-1:]:
            before.spool.close()
        begun.append(Agent(tmp_path, source, plan))
        return begun[-1]

    yield run
    begun[-1].spool.close()


def test_readings_wait_in_the_spool_and_get_seq_and_time_when_the_clock_is_set(runs: Runs) -> None:
    agent = runs(Source(10_000), BY_DATE)
    for value in (1.0, 2.0):
        agent.source.passes(60_000)
        agent.measures(value)
    assert (agent.spool.last, agent.spool.count_undated()) == (0, 2)
    agent.source.passes(30_000)
    agent.source.wall = TRUE_MS
    assert agent.turn() == 0, "they take the backfill lane"
    assert agent.values() == [(TRUE_MS - 90_000, 1.0), (TRUE_MS - 30_000, 2.0)]
    assert agent.spool.count_undated() == 0
    assert agent.events() == [("clock", "believed now; 2 records measured before have got their time")]


def test_they_survive_a_restart_of_the_agent_within_the_same_start_of_the_machine(runs: Runs) -> None:
    first = runs(Source(10_000), BY_DATE)
    first.measures(1.0)
    first.source.passes(600_000)
    second = runs(first.source, BY_DATE)
    second.measures(2.0)
    first.source.wall = TRUE_MS
    second.turn()
    assert second.values()[0] == (TRUE_MS - 600_000, 1.0)
    assert second.values()[-1] == (TRUE_MS, 2.0)


def test_after_a_restart_of_the_machine_they_are_kept_and_reported_without_a_time(runs: Runs) -> None:
    first = runs(Source(10_000), BY_DATE)
    first.measures(1.0)
    second = runs(Source(TRUE_MS, boot="boot-b"), BY_DATE)
    second.measures(2.0)
    assert second.values() == [(TRUE_MS, 2.0)]
    assert second.spool.count_undated() == 1
    assert second.events() == [("undated", "1 records of an earlier start of the machine never got a time")]


def test_a_clock_that_proves_right_keeps_the_slots_it_has_made(runs: Runs) -> None:
    agent = runs(Source(TRUE_MS), BY_SYNC)
    agent.measures(1.0)
    assert agent.spool.last == 0
    agent.source.passes(60_000)
    agent.source.wall += 300
    agent.source.said = SYNC
    agent.turn()
    assert agent.values() == [(TRUE_MS, 1.0)]


def test_a_clock_once_synchronised_is_believed_over_a_restart_of_the_agent_though_the_network_is_gone(
    runs: Runs,
) -> None:
    first = runs(Source(TRUE_MS, SYNC), BY_SYNC)
    first.measures(1.0)
    first.source.said = UNSYNC
    second = runs(first.source, BY_SYNC)
    second.measures(2.0)
    assert [value for _, value in second.values()] == [1.0, 2.0]
    rebooted = runs(Source(TRUE_MS + 600_000, UNSYNC, "boot-b"), BY_SYNC)
    rebooted.measures(3.0)
    assert rebooted.spool.count_undated() == 1


def test_the_offset_is_a_number_or_null_with_why() -> None:
    for look, expected in (
        (SYNC, Measured(-0.4, State.OK)), (UNSYNC, Measured(None, State.WARMUP)), (NOBODY, Measured(None, State.FAULT)),
    ):  # fmt: skip
        keeper = Timekeeper(Source(TRUE_MS, look), BY_DATE, was_synchronised=False)
        keeper.refresh()
        assert keeper.offset() == expected
