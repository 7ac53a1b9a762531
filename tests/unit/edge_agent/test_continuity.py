"""No gap is silent: every slot between two records of a device is on record, measured or said to be missing."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.readings.records import SlotReading, SlotRecord, StationEvent
from edge_agent.slots.continuity import MOST_SLOTS, Continuity, SlotSeries, last_slots, missed_slots
from edge_agent.spooling.spool import Spool
from quantrac.telemetry.states import State
from tests.unit.edge_agent.test_forwarder import Station

WIDTH = 300_000
T0 = 1_795_490_400_000  # 2026-11-24T03:20:00Z, a whole five minutes
SONDE = SlotSeries("sonde", WIDTH, ("do", "ph"))
GAUGE = SlotSeries("gauge", WIDTH, ("water_level",))


def record(slots_after: float, channel: str = "do") -> SlotRecord:
    return SlotRecord(T0 + round(slots_after * WIDTH), (SlotReading(channel, 1.0, State.OK),))


def times(continuity: Continuity, *records: SlotRecord) -> list[tuple[float, bool]]:
    placed = continuity.completed(records)
    continuity.note(records)
    return [((each.record.t_ms - T0) / WIDTH, each.measured) for each in placed]


def test_slots_missed_between_two_runs_are_null_with_fault_and_a_restart_event_says_from_when_to_when() -> None:
    placed = Continuity([SONDE], {"sonde": T0}).completed([record(4)])
    assert [each.record.t_ms for each in placed] == [T0 + n * WIDTH for n in (1, 2, 3, 4)]
    nothing = (SlotReading("do", None, State.FAULT), SlotReading("ph", None, State.FAULT))
    assert [each.record.readings for each in placed[:3]] == [nothing] * 3
    detail = "no slots from 2026-11-24T03:20:00.000Z to 2026-11-24T03:35:00.000Z: 3 missed"
    assert placed[0].record.events == (StationEvent("restart", "sonde", detail, T0 + 3 * WIDTH),)
    assert [each.measured for each in placed] == [False, False, False, True]


def test_a_restart_within_one_slot_misses_none() -> None:
    assert times(Continuity([SONDE], {"sonde": T0}), record(1), record(2)) == [(1, True), (2, True)]


def test_slots_skipped_by_a_clock_set_forward_are_null_too_without_another_restart() -> None:
    continuity = Continuity([SONDE])
    assert times(continuity, record(1), record(2)) == [(1, True), (2, True)]
    placed = continuity.completed([record(5)])
    assert [each.measured for each in placed] == [False, False, True]
    assert not any(each.record.events for each in placed)


def test_a_clock_set_back_repeats_slots_and_invents_none() -> None:
    continuity = Continuity([SONDE])
    assert times(continuity, record(12), record(1), record(2)) == [(12, True), (1, True), (2, True)]


def test_devices_are_followed_apart_and_nothing_is_said_of_one_never_heard() -> None:
    continuity = Continuity([SONDE, GAUGE], {"sonde": T0})
    assert times(continuity, record(2), record(2, "water_level"), record(1, "unknown")) == [
        (1, False), (2, True), (2, True), (1, True),
    ]  # fmt: skip


def test_what_was_not_stored_does_not_count_as_said() -> None:
    continuity = Continuity([SONDE], {"sonde": T0})
    assert continuity.completed([record(3)]) == continuity.completed([record(3)])


@given(st.integers(1, 20), st.floats(1, 60))
def test_every_whole_slot_between_is_named_once_also_where_records_lie_off_the_grid(last: int, further: float) -> None:
    next_ms = T0 + last * WIDTH + round(further * WIDTH)
    ends = [each.t_ms for each in missed_slots(SONDE, T0 + last * WIDTH, next_ms, first_since_start=False)]
    grid = [T0 + n * WIDTH for n in range(200)]
    assert ends == [end for end in grid if T0 + last * WIDTH < end <= next_ms - WIDTH]


def test_a_long_gap_is_sent_coarse_and_at_most_thirty_days_of_it() -> None:
    year = missed_slots(SONDE, T0 - 365 * 86_400_000, T0, first_since_start=True)
    assert len(year) <= MOST_SLOTS
    assert min(each.t_ms for each in year) >= T0 - 31 * 86_400_000
    assert all(each.t_ms % WIDTH == 0 for each in year)
    assert year[0].events[0].detail.startswith("no slots from 2025-11-24T03:20:00.000Z to 2026-11-24T03:15:00.000Z")
    assert f"{365 * 288 - 1} missed, {len(year)} of them sent" in year[0].events[0].detail


def test_the_last_slots_are_found_in_the_spool(tmp_path: Path) -> None:
    with Spool(tmp_path, size_bytes=10**9, keep_ms=10**10, now_ms=T0) as spool:
        assert last_slots([SONDE, GAUGE], spool.newest_first(100)) == {}
        spool.append(
            [record(1), record(1, "water_level"), record(2), SlotRecord(T0, (), (StationEvent("x", None, "", 0),))], 0
        )
        assert last_slots([SONDE, GAUGE], spool.newest_first(100)) == {
            "sonde": T0 + 2 * WIDTH, "gauge": T0 + WIDTH,
        }  # fmt: skip


def test_missed_slots_take_the_backfill_lane_behind_the_live_reading(tmp_path: Path) -> None:
    station = Station(tmp_path, continuity=Continuity([SONDE], {"sonde": T0}))
    station.connect()
    station.intake.offer(record(4))
    station.turn()
    station.turn(1)
    station.spool.close()
    sent = [
        (kind, payload.count(b"\n") + 1)
        for kind, payload, _ in station.session.open
        if kind in ("readings", "backfill")
    ]
    assert sent == [("readings", 1), ("backfill", 3)]
