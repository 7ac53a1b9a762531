"""Runs the tests over stored readings again, as the consumers do, and replaces their own findings only.

A finding that stands and no longer holds is withdrawn by a newer row; verdicts of people and findings of others stay.
Consumers and this take turns, so that of two who judge the same readings the later one has seen the newer ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ingest.quality import consumer, device_consumer, neighbour_consumer, rounds
from ingest.quality.device_findings import device_findings
from ingest.quality.devices import TestedDevices
from ingest.quality.findings import findings
from ingest.quality.history import TESTS
from ingest.quality.neighbour_findings import neighbour_findings
from ingest.quality.neighbourhood import Neighbourhood
from ingest.quality.tables import NewFlag, TestedChannels, add
from quantrac.database import audit
from quantrac.database.feed import Cause, Change, append_changes
from quantrac.database.pool import Connection
from quantrac.quality import neighbours
from quantrac.quality.device_tests import DEVICE_TESTS
from quantrac.quality.suspicion import DOUBTING
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.words import Words

INSTANT: Final = timedelta(microseconds=1)

STATIONS: Final = "select station from channel where history_tests <> '{}' group by station order by station"
CHANNELS: Final = "select channel_id, channel from channel where station = %s and not derived order by channel_id"
# What a test found while a channel had it, and nobody would look at again.
LEFT_OVER: Final = """
select n.test, c.channel_id, n.time from channel c cross join lateral (
  select distinct on (g.time, g.test) g.time, g.test, g.flag, g."by" from reading_flag g
  where g.channel_id = c.channel_id and g.time between %(low)s and %(high)s and g.test = any(%(tests)s)
    and g.test <> all(c.history_tests) order by g.time, g.test, g.flag_id desc) n
where c.station = %(station)s and n.flag >= 3 and n."by" = %(by)s
"""
SWITCHED_OFF: Final = Words(
    "rút lại: kênh này không còn chạy phép kiểm tra đó", "withdrawn: the channel does not have this test any more"
)


class CannotRerun(QuantracError):
    """There is no such test or station; the text names those that there are."""

    exit_code = 2


class Rerun(NamedTuple):
    """What to judge again: after < time <= until, at some stations (None: all) by some tests (None: all)."""

    after: datetime
    until: datetime
    stations: Sequence[str] | None = None
    tests: Sequence[str] | None = None


class ChangedFindings(NamedTuple):
    """How many readings of a channel a test says something else of than stood before."""

    channel: str
    test: str
    suspect: int
    fail: int
    withdrawn: int


class RerunPerson(NamedTuple):
    """Who has it done, and why."""

    name: str
    reason: str | None


def rerun(
    conn: Connection, wanted: Rerun, now: Callable[[], datetime], by: RerunPerson | None
) -> list[ChangedFindings]:
    """Judge again, a week of a station in a transaction, and return what changed; `by` None: change nothing.

    Raises CannotRerun.
    """
    tests = _tests(wanted.tests)
    changed: Counter[tuple[int, str, Quality]] = Counter()
    names: dict[int, str] = {}
    for station in _stations(conn, wanted.stations):
        channels: dict[int, str] = dict(conn.execute(CHANNELS, [station]).fetchall())
        names |= channels
        if by is not None:
            detail = {"from": wanted.after.isoformat(), "to": wanted.until.isoformat(), "tests": tests}
            audit.record(conn, now(), by.name, "judge again", f"station {station}", by.reason, detail)
        for low, high in _pieces(conn, wanted):
            whole = Change(0, station, tuple(channels), low, high, 0, Cause.READING, low)
            for lock, find in _kinds(tests):
                found = _piece(conn, whole, lock, find, None if by is None else now())
                changed.update((each.channel_id, each.test, each.flag) for each in found)
    return [
        ChangedFindings(
            names[channel_id], test,
            *(changed[channel_id, test, flag] for flag in (Quality.SUSPECT, Quality.FAIL, Quality.GOOD)),
        )
        for channel_id, test in sorted({key[:2] for key in changed}, key=lambda key: (names[key[0]], key[1]))
    ]  # fmt: skip


def _tests(wanted: Sequence[str] | None) -> list[str]:
    known = sorted(TESTS.keys() | DOUBTING)
    unknown = sorted(set(wanted or ()) - set(known))
    if unknown:
        raise CannotRerun(f"found test {', '.join(unknown)}, allowed {', '.join(known)}")
    return known if wanted is None else sorted(set(wanted))


def _stations(conn: Connection, wanted: Sequence[str] | None) -> list[str]:
    known = [station for (station,) in conn.execute(STATIONS)]
    unknown = sorted(set(wanted or ()) - set(known))
    if unknown:
        raise CannotRerun(f"found station {', '.join(unknown)}, stations with tests: {', '.join(known) or 'none'}")
    return [station for station in known if wanted is None or station in wanted]


def _pieces(conn: Connection, wanted: Rerun) -> Iterator[tuple[datetime, datetime]]:
    """Yield first and last time, both inclusive, of weeks that have readings."""
    for start, end in conn.execute(rounds.KEPT, [wanted.after, wanted.until]).fetchall():
        yield max(start, wanted.after + INSTANT), min(end - INSTANT, wanted.until)


def _kinds(tests: Sequence[str]) -> Iterator[tuple[int, rounds.Find]]:
    """Yield the kinds of tests that are wanted: the lock of those who judge by them, and what finds."""
    of_channels, of_devices = sorted(TESTS.keys() & set(tests)), sorted(DEVICE_TESTS.keys() & set(tests))
    if of_channels:
        yield consumer.JUDGING_LOCK, lambda conn, changes: [
            *findings(conn, changes, TestedChannels(of_channels)), *_left_over(conn, changes, of_channels),
        ]  # fmt: skip
    if of_devices:
        yield device_consumer.JUDGING_LOCK, lambda conn, changes: [
            *device_findings(conn, changes, TestedDevices(of_devices)), *_left_over(conn, changes, of_devices),
        ]  # fmt: skip
    if neighbours.TEST in tests:
        known = Neighbourhood()
        yield neighbour_consumer.JUDGING_LOCK, lambda conn, changes: [
            *neighbour_findings(conn, changes, known, only_own=True), *_left_over(conn, changes, [neighbours.TEST]),
        ]  # fmt: skip


def _piece(conn: Connection, whole: Change, lock: int, find: rounds.Find, at: datetime | None) -> list[NewFlag]:
    """Judge a piece, and write what changes unless `at` is None; what lies around it is another piece's."""
    with conn.transaction():
        if at is not None:
            rounds.take_turn(conn, lock)
        found = [each for each in find(conn, [whole]) if whole.from_t <= each.time <= whole.to_t]
        if at is not None:
            add(conn, rounds.BY, found, at)
            append_changes(conn, rounds.announced(found))
    return found


def _left_over(conn: Connection, changes: Sequence[Change], tests: Sequence[str]) -> Iterator[NewFlag]:
    for change in changes:
        asked = {
            "station": change.station, "low": change.from_t, "high": change.to_t, "tests": list(tests), "by": rounds.BY,
        }  # fmt: skip
        for test, channel_id, time in conn.execute(LEFT_OVER, asked):
            yield NewFlag(change.station, test, channel_id, time, Quality.GOOD, None, SWITCHED_OFF)
