"""The law of arrival: however live, late and repeated blocks of readings mix, one calm pass gives the same alarms.

Late is what decision 0071 calls so: received after a newer reading of the channel, or too long after its own time. Late
readings never move the present; settled, they are looked at once, each at its own time. So after they have settled the
alarms on record (level, times, late or not) are those of a service that met all readings in one round.

A service that begins anew between any two rounds, over members that come one ahead of the other, has at each moment
the alarms of one that never ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from typing import Any, NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alerts.evaluating.evaluator import Evaluator
from alerts.evaluating.past import SETTLE
from alerts.evaluating.reading_window import instant
from alerts.rules.block import JudgedReading
from alerts.rules.composite import CONDITION, CompositeRule, Member
from alerts.rules.rule import ChannelRule, Measure, MeasureKind
from quantrac.config.composites import parse_expression
from quantrac.config.rules import Level, Side
from quantrac.database.feed import NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from tests.integration.alerts.centre import (
    CHANNEL,
    ROUTING,
    START,
    START_MS,
    STATION,
    add_channel,
    add_network,
    insert,
    rows,
    run_all,
)
from tests.unit.alerts.rules import MINUTE, oxygen_rule

ACT = Level("act", Side.BELOW, 3.0, 3.3, 3 * MINUTE, 4 * MINUTE, Severity.HIGH)
DANGER = Level("danger", Side.BELOW, 2.0, 2.3, 2 * MINUTE, 4 * MINUTE, Severity.CRITICAL)
FALL = Level("fall", Side.BELOW, -1.5, -0.5, 0, 2 * MINUTE, Severity.HIGH)
LOW = oxygen_rule(ACT, DANGER)
FALLING = ChannelRule(
    **{name: getattr(oxygen_rule(FALL), name) for name in LOW.__slots__}
    | {"rule": "do-falls", "measure": Measure(MeasureKind.CHANGE, 6 * MINUTE)}
)


def member(name: str, measure: Measure, limit: float) -> Member:
    level = Level(CONDITION, Side.BELOW, limit, None, 0, 0, Severity.LOW)
    return Member(name, replace(oxygen_rule(level), measure=measure))


LOW_AND_FALLING = CompositeRule(
    replace(
        oxygen_rule(Level("act", Side.ABOVE, 0.5, 0.5, 2 * MINUTE, 4 * MINUTE, Severity.HIGH)),
        rule="pond", channel=STATION, measure=Measure(MeasureKind.COMPOSITE),
    ),
    (member("low", Measure(), 3.0), member("falls", Measure(MeasureKind.CHANGE, 6 * MINUTE), -1.0)),
    parse_expression({"all": ["low", "falls"]}),
)  # fmt: skip


SLOT_MS = 20_000
"""Shorter than the time for which a rule at rest is not saved."""
TEMP = f"{STATION}/water_temp"
CONDITIONS = tuple(
    Member(name, replace(oxygen_rule(Level(CONDITION, side, 3.0, None, 0, 0, Severity.LOW)), channel=channel,
                         interval_ms=SLOT_MS))
    for name, channel, side in (("low", CHANNEL, Side.BELOW), ("hot", TEMP, Side.ABOVE))
)  # fmt: skip
JOINED = tuple(
    CompositeRule(
        replace(
            oxygen_rule(Level("act", Side.ABOVE, 0.5, 0.5, delay_ms, SLOT_MS, Severity.HIGH)),
            rule=f"r{number}", channel=STATION, interval_ms=SLOT_MS, measure=Measure(MeasureKind.COMPOSITE),
        ),
        CONDITIONS, parse_expression(when),
    )
    for number, (when, delay_ms) in enumerate((
        ({"all": ["low", "hot"]}, 0), ({"all": ["low", "hot"]}, 2 * SLOT_MS), ({"any": ["low", "hot"]}, SLOT_MS),
        ({"all": [{"not": "low"}, "hot"]}, 0),
    ))
)  # fmt: skip


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


class Said(NamedTuple):
    """What a member says in a round: equal readings, and whether a new process comes behind them."""

    is_of_temp: bool
    value: float
    slots: int
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
AT_ONCE = [Run(4.6, 5, None), Run(2.5, 3, 1), Run(1.5, 1, 3), Run(1.5, 1, None), Run(4.6, 9, None)]
"""Both levels are reached in the same minute, one of them by late readings."""
WORSE_BEHIND = [Run(4.6, 5, None), Run(2.5, 5, 1), Run(1.5, 1, None), Run(1.5, 1, 3), Run(4.6, 9, None)]
"""The first level is reached in time; a late reading completes the worse one."""
EACH = [Act(None, True, False)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs, acts, st.booleans(), st.sampled_from([(LOW,), (FALLING,), (LOW, FALLING), (LOW, LOW_AND_FALLING)]))
@example(MIXED, EACH, True, (LOW,))
@example(FAR_APART, EACH, False, (LOW, FALLING))
@example(AT_ONCE, EACH, False, (LOW,))
@example(FAR_APART, EACH, False, (LOW, LOW_AND_FALLING))
@example(WORSE_BEHIND, [Act((0, 0), True, False)], False, (LOW,))
def test_alarms_on_record_are_those_of_one_calm_pass_over_all_readings(
    conn: Connection,
    course: Sequence[Run],
    acts: Sequence[Act],
    is_one_change: bool,
    rules: Sequence[ChannelRule | CompositeRule],
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


says = st.builds(Said, st.booleans(), st.sampled_from([2.0, 4.0]), st.integers(1, 4), st.booleans())
QUIET = [Said(False, 4.0, 1, False), Said(True, 2.0, 1, False)]
AHEAD = [*QUIET, Said(False, 2.0, 1, True), Said(True, 4.0, 1, False), Said(False, 4.0, 1, False)]
"""What the new process has to know was said before it began; neither member says it again."""
WHOLE = [
    *QUIET,
    Said(True, 4.0, 1, False),
    Said(True, 2.0, 1, False),
    Said(False, 2.0, 2, True),
    Said(False, 2.0, 1, False),
]
"""An alarm that rises and ends in one round is not told again."""


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(says, min_size=2, max_size=9))
@example(AHEAD)
@example(WHOLE)
def test_a_new_process_between_any_two_rounds_changes_no_alarm_and_delays_none(
    conn: Connection, course: Sequence[Said]
) -> None:
    assert alarms_by_round(conn, course) == alarms_by_round(conn, [said._replace(is_restart=False) for said in course])


def alarms_by_round(conn: Connection, course: Sequence[Said]) -> list[list[tuple[Any, ...]]]:
    found, at = [], {False: START_MS, True: START_MS}
    with conn.transaction(force_rollback=True):
        centre = Centre(conn, JOINED)
        for said in course:
            times = range(at[said.is_of_temp], at[said.is_of_temp] + said.slots * SLOT_MS, SLOT_MS)
            at[said.is_of_temp] = times.stop
            samples = [JudgedReading(t_ms, said.value, Quality.GOOD, t_ms) for t_ms in times]
            centre.store(samples, is_one_change=True, is_of_temp=said.is_of_temp)
            centre.run()
            found.append(centre.alarms())
            if said.is_restart:
                centre.restart()
    return found


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
    """A service over a station, and what it has put on record."""

    def __init__(self, conn: Connection, rules: Sequence[ChannelRule | CompositeRule]) -> None:
        self._conn, self._rules, self._now = conn, rules, START
        self._channel_id, self._temp = add_network(conn), add_channel(conn, "water_temp")
        self.restart()

    def restart(self) -> None:
        own = [rule for rule in self._rules if isinstance(rule, ChannelRule)]
        rules = {CHANNEL: own} if own else {}
        composites = [rule for rule in self._rules if isinstance(rule, CompositeRule)]
        self._worker = Evaluator(self._conn, rules, ROUTING, lambda: self._now, composites)

    def store(self, samples: Sequence[JudgedReading], *, is_one_change: bool, is_of_temp: bool = False) -> None:
        """Store readings; the feed says of them one stretch, or each stretch without a gap."""
        id_ = self._temp if is_of_temp else self._channel_id
        insert(self._conn, id_, samples)
        times = sorted(sample.t_ms for sample in samples)
        if is_one_change:
            self.announce(times, id_)
        else:
            for _, stretch in groupby(enumerate(times), key=lambda each: each[1] - each[0] * MINUTE):
                self.announce([t_ms for _, t_ms in stretch], id_)

    def announce(self, times: Sequence[int], id_: int | None = None) -> None:
        if times:
            change = NewChange(
                STATION, id_ or self._channel_id, instant(min(times)), instant(max(times)), len(times), "reading"
            )
            append_changes(self._conn, [change])

    def run(self) -> None:
        run_all(self._worker)

    def settled(self) -> list[tuple[Any, ...]]:
        """Return the alarms once nothing late has come for a while."""
        self.run()
        self._now += 2 * SETTLE + timedelta(seconds=1)
        self._worker.tell_summaries()
        return self.alarms()

    def alarms(self) -> list[tuple[Any, ...]]:
        """Return the alarms on record."""
        return rows(
            self._conn,
            "select rule, level, raised_at, cleared_at, late from alarm order by raised_at, rule, level, late",
        )
