"""Composite rules and departures from the feed to alarms: waiting, late data, a new process, removed rules, normals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerts.evaluating import composites
from alerts.evaluating.evaluator import Evaluator
from alerts.evaluating.judged_readings import read_blocks
from alerts.evaluating.past import SETTLE
from alerts.evaluating.reading_window import ReadingWindow
from alerts.evaluating.stored_normals import save_cells
from alerts.rules.block import ReadingBlock
from alerts.rules.composite import CONDITION, CompositeRule, Member
from alerts.rules.normals import ALL_PHASES, Cell
from alerts.rules.rule import ChannelRule, Measure, MeasureKind
from quantrac.config.composites import parse_expression
from quantrac.config.rules import Level, Side
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from tests.integration.alerts.centre import (
    CHANNEL,
    ROUTING,
    START,
    START_MS,
    STATION,
    add_channel,
    add_network,
    flag,
    rows,
    run_all,
    store,
)
from tests.unit.alerts.rules import MINUTE, oxygen_rule
from tests.unit.alerts.series import read_series

TEMP = f"{STATION}/water_temp"


def member(name: str, channel: str, side: Side, limit: float) -> Member:
    level = Level(CONDITION, side, limit, None, 0, 0, Severity.LOW)
    return Member(name, replace(oxygen_rule(level), channel=channel))


LEVEL = Level("act", Side.ABOVE, 0.5, 0.5, 10 * MINUTE, 20 * MINUTE, Severity.HIGH, ("farmers", "operators"))
POND = CompositeRule(
    replace(oxygen_rule(LEVEL), rule="pond", channel=STATION, measure=Measure(MeasureKind.COMPOSITE)),
    (member("low", CHANNEL, Side.BELOW, 4.0), member("hot", TEMP, Side.ABOVE, 31.0)),
    parse_expression({"all": ["low", "hot"]}),
)


class Centre:
    """A worker that can be replaced, and a clock that the test sets."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.now = START
        self.restart()

    def restart(self, *own: CompositeRule, rules: dict[str, list[ChannelRule]] | None = None) -> None:
        self.worker = Evaluator(self._conn, rules or {}, ROUTING, lambda: self.now, own or (POND,))

    def run(self) -> None:
        run_all(self.worker)


@pytest.fixture
def ids(conn: Connection) -> tuple[int, int]:
    return add_network(conn), add_channel(conn, "water_temp")


@pytest.fixture
def centre(other: Connection, ids: tuple[int, int]) -> Centre:
    return Centre(other)


def minute(t: datetime | None) -> float | None:
    return None if t is None else (t - START).total_seconds() / 60


def alarms(conn: Connection) -> list[tuple[str, str | None, bool, float | None, float | None]]:
    found = rows(conn, "select rule, channel, late, raised_at, cleared_at from v_alarm order by raised_at")
    return [(rule, channel, late, minute(a), minute(b)) for rule, channel, late, a, b in found]


def test_it_is_evaluated_when_every_member_has_reached_the_time_and_is_one_alarm_of_the_station(
    conn: Connection, ids: tuple[int, int], centre: Centre
) -> None:
    do, temp = ids
    store(conn, do, read_series("3x14", MINUTE, start_ms=START_MS))
    centre.run()
    assert alarms(conn) == []  # nobody knows yet whether it is hot
    store(conn, temp, read_series("32x14", MINUTE, start_ms=START_MS))
    centre.run()
    assert alarms(conn) == [("pond", None, False, 9, None)]
    store(conn, do, read_series("5x21", MINUTE, start_ms=START_MS + 14 * MINUTE))
    store(conn, temp, read_series("32x21", MINUTE, start_ms=START_MS + 14 * MINUTE))
    centre.run()
    assert alarms(conn) == [("pond", None, False, 9, 33)]
    assert rows(conn, "select purpose from notification where medium = 'sms' order by 1") == [("cleared",), ("raised",)]


def test_a_rule_at_rest_reads_its_past_again_only_when_it_may_hold(
    conn: Connection, ids: tuple[int, int], centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[ReadingWindow] = []

    def recorded(conn: Connection, windows: Sequence[ReadingWindow]) -> dict[int, ReadingBlock]:
        read.extend(windows)
        return read_blocks(conn, windows)

    monkeypatch.setattr(composites, "read_blocks", recorded)
    falls = replace(member("low", CHANNEL, Side.BELOW, -1.0).rule, measure=Measure(MeasureKind.CHANGE, 180 * MINUTE))
    centre.restart(replace(POND, members=(Member("low", falls), POND.members[1])))
    for at, hot in ((0, "30x5"), (5, "32x5"), (10, "30x5"), (15, "30x5")):
        start_ms = START_MS + at * MINUTE
        for id_, text in zip(ids, ("5x5", hot), strict=True):
            store(conn, id_, read_series(text, MINUTE, start_ms=start_ms))
        centre.run()
        assert bool(read) == (at == 5)  # hot, and nobody knows yet whether oxygen falls
        read.clear()
    before = rows(conn, "select xmin::text from composite_state")
    store(conn, ids[0], read_series("5x1", MINUTE, start_ms=START_MS + 20 * MINUTE))
    centre.run()
    assert rows(conn, "select xmin::text from composite_state") == before


def test_a_standing_alarm_says_since_when_nothing_is_known(
    conn: Connection, ids: tuple[int, int], centre: Centre
) -> None:
    for id_, text in zip(ids, ("3x12", "32x12"), strict=True):
        store(conn, id_, read_series(text, MINUTE, start_ms=START_MS))
    centre.run()
    assert rows(conn, "select no_data_since from v_alarm") == [(START + timedelta(minutes=11),)]


def test_a_new_process_goes_on_where_the_old_one_stood_also_within_a_delay(
    conn: Connection, ids: tuple[int, int], centre: Centre
) -> None:
    do, temp = ids
    for at in range(0, 12, 3):
        store(conn, do, read_series("3x3", MINUTE, start_ms=START_MS + at * MINUTE))
        centre.run()
        centre.restart()
        store(conn, temp, read_series("32x3", MINUTE, start_ms=START_MS + at * MINUTE))
        centre.run()
        centre.restart()
    assert alarms(conn) == [("pond", None, False, 9, None)]


def test_a_new_process_knows_what_a_member_said_ahead_of_the_others(
    conn: Connection, ids: tuple[int, int], centre: Centre
) -> None:
    do, temp = ids
    own = (*POND.members, member("high", CHANNEL, Side.ABOVE, 6.0))
    at_once = replace(POND.rule, levels=(replace(LEVEL, on_delay_ms=0),))
    rules = [
        CompositeRule(
            replace(at_once, rule=name), tuple(one for one in own if one.name in {"hot", ahead}), parse_expression(when)
        )
        for name, ahead, when in (
            ("all", "low", {"all": ["low", "hot"]}),
            ("any", "high", {"any": ["high", "hot"]}),
            ("not", "high", {"all": [{"not": "high"}, "hot"]}),
        )
    ]
    centre.restart(*rules)
    for id_, text in zip(ids, ("5x10", "30x10"), strict=True):
        store(conn, id_, read_series(text, MINUTE, start_ms=START_MS))
    centre.run()
    store(conn, do, read_series("3x1", MINUTE, start_ms=START_MS + 10 * MINUTE))
    centre.run()
    centre.restart(*rules)
    store(conn, temp, read_series("32x1", MINUTE, start_ms=START_MS + 10 * MINUTE))
    centre.run()
    assert sorted(alarms(conn)) == [(name, None, False, 10, None) for name in ("all", "any", "not")]


@pytest.mark.parametrize("judged_while_away", [False, True])
def test_a_new_process_knows_what_a_correction_made_of_a_reading_ahead_of_the_others(
    conn: Connection, ids: tuple[int, int], centre: Centre, *, judged_while_away: bool
) -> None:
    do, temp = ids
    at_once = replace(POND, rule=replace(POND.rule, levels=(replace(LEVEL, on_delay_ms=0),)))
    centre.restart(at_once)
    for id_, text in zip(ids, ("5x10", "30x10"), strict=True):
        store(conn, id_, read_series(text, MINUTE, start_ms=START_MS))
    centre.run()
    store(conn, do, read_series("5x1", MINUTE, start_ms=START_MS + 10 * MINUTE))  # ahead, and cannot matter
    centre.run()
    if judged_while_away:
        centre.restart(at_once)
    flag(conn, do, 10, 10, 3, "correction")
    centre.run()
    centre.restart(at_once)
    store(conn, temp, read_series("32x1", MINUTE, start_ms=START_MS + 10 * MINUTE))
    centre.run()
    assert alarms(conn) == [("pond", None, False, 10, None)]


def test_a_stale_member_is_waited_for_no_more_and_its_late_readings_make_an_alarm_of_the_past(
    conn: Connection, ids: tuple[int, int], centre: Centre
) -> None:
    do, temp = ids
    store(conn, do, read_series("3x20 5x40", MINUTE, start_ms=START_MS))
    store(conn, temp, read_series("32x2", MINUTE, start_ms=START_MS))
    centre.run()
    assert alarms(conn) == []
    late = [s._replace(received_ms=START_MS + 60 * MINUTE) for s in read_series("32x58", MINUTE, start_ms=START_MS)]
    store(conn, temp, [s._replace(t_ms=s.t_ms + 2 * MINUTE) for s in late])
    centre.run()
    centre.worker.tell_summaries()
    assert alarms(conn) == []
    centre.now += SETTLE
    centre.worker.tell_summaries()
    assert alarms(conn) == [("pond", None, True, 9, 39)]
    assert rows(conn, "select purpose from notification where medium = 'sms'") == [("late",)]


def test_a_removed_composite_rule_ends_its_alarm_with_that_reason(
    conn: Connection, ids: tuple[int, int], centre: Centre
) -> None:
    do, temp = ids
    store(conn, do, read_series("3x12", MINUTE, start_ms=START_MS))
    store(conn, temp, read_series("32x12", MINUTE, start_ms=START_MS))
    centre.run()
    assert centre.worker.close_orphans(()) == 0
    centre.restart(replace(POND, rule=replace(POND.rule, rule="other")))
    assert centre.worker.close_orphans(()) == 1
    assert rows(conn, "select event, reason from v_alarm_event order by alarm_event_id")[-1] == (
        "cleared", "the rule was removed",
    )  # fmt: skip
    assert rows(conn, "select rule from composite_state") == []


def test_a_departure_rises_only_once_it_is_known_what_is_normal(
    conn: Connection, ids: tuple[int, int], centre: Centre
) -> None:
    do, _ = ids
    level = Level("act", Side.BELOW, -5.0, -3.0, 5 * MINUTE, 5 * MINUTE, Severity.LOW, ("operators",))
    departing = replace(oxygen_rule(level), rule="unusual", measure=Measure(MeasureKind.DEPARTURE), decimals=1)
    centre.restart(rules={CHANNEL: [departing]})
    store(conn, do, read_series("2.0x10", MINUTE, start_ms=START_MS))
    centre.run()
    assert alarms(conn) == []
    with conn.transaction():
        cell = Cell(START.month, ALL_PHASES, 4.0, 0.25, 1000)
        save_cells(conn, CHANNEL, [cell], (START - timedelta(days=365), START), START)
    centre.worker.take_normals()
    store(conn, do, read_series("2.0x5", MINUTE, start_ms=START_MS + 10 * MINUTE))
    centre.run()
    assert alarms(conn) == [("unusual", CHANNEL, False, 14, None)]
    assert rows(conn, "select value from v_alarm") == [(-8.0,)]  # (2.0 - 4.0) / 0.25
