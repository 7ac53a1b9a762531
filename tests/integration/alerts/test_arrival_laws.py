"""The law of arrival: however live, late and repeated blocks of readings mix, one calm pass gives the same alarms.

Late is what decision 0071 calls so: received after a newer reading of the channel, or too long after its own time. Late
readings never move the present; settled, they are looked at once, each at its own time. So after they have settled the
alarms on record (level, times, late or not) are those of a service that met all readings in one round.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alerts.evaluating.evaluator import Evaluator
from alerts.evaluating.past import SETTLE
from alerts.evaluating.reading_window import instant
from alerts.rules.block import JudgedReading
from alerts.rules.rule import ChannelRule, Measure, MeasureKind
from quantrac.config.rules import Level, Side
from quantrac.database.feed import NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from tests.integration.alerts.centre import CHANNEL, ROUTING, START, START_MS, STATION, add_network, insert, rows
from tests.unit.alerts.rules import MINUTE, oxygen_rule

ACT = Level("act", Side.BELOW, 3.0, 3.3, 3 * MINUTE, 4 * MINUTE, Severity.HIGH)
DANGER = Level("danger", Side.BELOW, 2.0, 2.3, 2 * MINUTE, 4 * MINUTE, Severity.CRITICAL)
FALL = Level("fall", Side.BELOW, -1.5, -0.5, 0, 2 * MINUTE, Severity.HIGH)
LOW = oxygen_rule(ACT, DANGER)
FALLING = ChannelRule(
    **{name: getattr(oxygen_rule(FALL), name) for name in LOW.__slots__}
    | {"rule": "do-falls", "measure": Measure(MeasureKind.CHANGE, 6 * MINUTE)}
)


class Run(NamedTuple):
    """Equal readings on the minute, and how many minutes after the last of them they come; None: each at its time."""

    value: float | None
    minutes: int
    delay: int | None


class Act(NamedTuple):
    """What happens behind a delivery."""

    repeated: tuple[int, int] | None
    """Minutes of which the feed says again that they changed."""
    is_round: bool
    is_restart: bool


values = st.sampled_from([1.5, 2.5, 2.5, 3.1, 4.6, None])
free = st.builds(Run, values, st.integers(1, 12), st.sampled_from([None, None, 0, 3, 8, 14, 30]))
calm = st.builds(Run, st.just(4.6), st.integers(5, 9), st.none())
late = st.builds(Run, values, st.integers(3, 8), st.integers(1, 8))
runs = st.lists(st.tuples(calm, late) | st.tuples(free), min_size=1, max_size=5).map(
    lambda parts: [*(run for part in parts for run in part), Run(4.6, 9, None)]
)
minutes = st.integers(0, 60)
acts = st.lists(
    st.builds(
        Act,
        st.none() | st.tuples(minutes, minutes),
        st.sampled_from([True, True, False]),
        st.sampled_from([False, False, True]),
    ),
    min_size=1,
    max_size=6,
)
MIXED = [Run(4.6, 10, None), Run(2.5, 8, 3), Run(4.6, 10, None)]
"""Eight low readings come with the third good one behind them: one change, and the cursor within it."""
FAR_APART = [Run(4.6, 6, None), Run(2.5, 8, 30), Run(4.6, 10, None), Run(2.5, 6, 14), Run(4.6, 12, None)]
EACH = [Act(None, True, False)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs, acts, st.booleans(), st.sampled_from([(LOW,), (FALLING,), (LOW, FALLING)]))
@example(MIXED, EACH, True, (LOW,))
@example(FAR_APART, EACH, False, (LOW, FALLING))
def test_alarms_on_record_are_those_of_one_calm_pass_over_all_readings(
    conn: Connection, course: Sequence[Run], acts: Sequence[Act], is_one_change: bool, rules: Sequence[ChannelRule]
) -> None:
    deliveries = delivered(course)
    with conn.transaction(force_rollback=True):
        calm = Centre(conn, rules)
        calm.store([sample for samples in deliveries.values() for sample in samples], is_one_change=True)
        expected = calm.settled()
    with conn.transaction(force_rollback=True):
        centre, stored = Centre(conn, rules), set[int]()
        for number, samples in enumerate(deliveries.values()):
            act = acts[number % len(acts)]
            centre.store(samples, is_one_change=is_one_change)
            stored |= {sample.t_ms for sample in samples}
            if act.repeated is not None:
                first, last = sorted(START_MS + minute * MINUTE for minute in act.repeated)
                centre.announce([t_ms for t_ms in stored if first <= t_ms <= last])
            if act.is_restart:
                centre.restart()
            if act.is_round:
                centre.run()
        assert centre.settled() == expected


def delivered(course: Sequence[Run]) -> dict[int, list[JudgedReading]]:
    """Return the readings by the minute at which they come, in that order."""
    found: dict[int, list[JudgedReading]] = {}
    at = 0
    for value, length, delay in course:
        for minute in range(at, at + length):
            comes = minute if delay is None else at + length - 1 + delay
            t_ms, received_ms = START_MS + minute * MINUTE, START_MS + comes * MINUTE
            quality = Quality.MISSING if value is None else Quality.GOOD
            found.setdefault(comes, []).append(JudgedReading(t_ms, value, quality, received_ms))
        at += length
    return dict(sorted(found.items()))


class Centre:
    """A service over one channel, and what it has put on record."""

    def __init__(self, conn: Connection, rules: Sequence[ChannelRule]) -> None:
        self._conn, self._rules, self._now = conn, rules, START
        self._channel_id = add_network(conn)
        self.restart()

    def restart(self) -> None:
        self._worker = Evaluator(self._conn, {CHANNEL: self._rules}, ROUTING, lambda: self._now)

    def store(self, samples: Sequence[JudgedReading], *, is_one_change: bool) -> None:
        """Store readings; the feed says of them one stretch, or each stretch without a gap."""
        insert(self._conn, self._channel_id, samples)
        times = sorted(sample.t_ms for sample in samples)
        if is_one_change:
            self.announce(times)
        else:
            for _, stretch in groupby(enumerate(times), key=lambda each: each[1] - each[0] * MINUTE):
                self.announce([t_ms for _, t_ms in stretch])

    def announce(self, times: Sequence[int]) -> None:
        if times:
            change = NewChange(
                STATION, self._channel_id, instant(min(times)), instant(max(times)), len(times), "reading"
            )
            append_changes(self._conn, [change])

    def run(self) -> None:
        while self._worker.round():
            pass

    def settled(self) -> list[tuple[Any, ...]]:
        """Return the alarms once nothing late has come for a while."""
        self.run()
        self._now += 2 * SETTLE + timedelta(seconds=1)
        self._worker.tell_summaries()
        return rows(self._conn, "select rule, level, raised_at, cleared_at, late from alarm order by raised_at, rule")
