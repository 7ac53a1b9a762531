"""From the feed to alarms, history and outbox, in one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.alarm.change import EndCause
from alerts.alarm.life import AlarmAct
from alerts.alarm.records import act_on
from alerts.alarm.suppression import shelve, unshelve
from alerts.evaluating import past
from alerts.evaluating.evaluation import RuleState, step
from alerts.evaluating.evaluator import Evaluator
from alerts.evaluating.past import SETTLE
from alerts.evaluating.reading_window import instant
from alerts.evaluating.rule_memory import RuleMemory
from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.rule import ChannelRule
from alerts.telling.contact import Addressee
from alerts.trials.backtest import histories
from quantrac.config.notifications import Repeat
from quantrac.config.rules import Level, Side, with_lulls
from quantrac.database import feed
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
    minutes_of,
    rows,
    run_all,
    store,
)
from tests.unit.alerts.rules import ACT, DANGER, MINUTE, WATCH, oxygen_rule
from tests.unit.alerts.series import read_series

STATE = "select channels, until_ms, (select array_agg(state::text) from rule_state) from rule_cursor"


def evaluator(conn: Connection, *rules: ChannelRule) -> Evaluator:
    return Evaluator(conn, {CHANNEL: list(rules) or [oxygen_rule()]}, ROUTING, lambda: START)


def test_an_alarm_rises_and_clears_at_the_times_of_the_readings(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    store(conn, channel_id, read_series("2.8x6 _x20 2.8x8 4.6x40", MINUTE, start_ms=START_MS))
    run_all(evaluator(other))
    assert minutes_of(conn) == [("act", 29.0, 63.0)]
    assert rows(conn, 'select severity, state, value, "limit" from v_alarm') == [("high", "returned", 2.8, 3.0)]
    assert rows(conn, "select event from v_alarm_event order by alarm_event_id") == [("raised",), ("cleared",)]


def test_a_trend_is_read_at_the_resolution_of_the_parameter_not_at_the_decimals_shown(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    ammonia = f"{STATION}/nh3"
    above = Level("act", Side.ABOVE, 0.1, 0.09, 0, 0, Severity.HIGH, ("farmers",))
    rule = replace(oxygen_rule(above), channel=ammonia, parameter="nh3")
    readings = read_series("0.092x1 0.095x1 0.098x1 0.101x1", MINUTE, start_ms=START_MS)
    store(conn, add_channel(conn, "nh3"), readings)
    run_all(Evaluator(other, {ammonia: [rule]}, ROUTING, lambda: START))
    assert "0,101 mg/l, duoi 0,1, dang tang" in rows(conn, "select body from notification where medium = 'sms'")[0][0]


@pytest.mark.parametrize("block", [1, 3, 7])
def test_the_result_does_not_depend_on_how_transactions_and_rounds_cut_the_readings(
    conn: Connection, other: Connection, channel_id: int, block: int
) -> None:
    worker = evaluator(other)
    samples = read_series("2.8x6 _x20 2.8x8 4.6x40", MINUTE, start_ms=START_MS)
    for i in range(0, len(samples), 10):
        store(conn, channel_id, samples[i : i + 10], block=block)
        run_all(worker)
    assert minutes_of(conn) == [("act", 29.0, 63.0)]


def test_a_change_of_level_is_an_event_under_the_same_alarm(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    store(conn, channel_id, read_series("3.5x30 2.5x10 1.5x5 3.5x30", MINUTE, start_ms=START_MS))
    run_all(evaluator(other))
    assert minutes_of(conn) == [("watch", 29.0, None)]
    events = rows(conn, "select event, detail->>'level' from alarm_event order by 1 desc, alarm_event_id")
    assert events == [("raised", "watch"), ("level", "act"), ("level", "danger"), ("level", "watch")]


def test_people_are_told_once_a_level_and_of_the_end_by_the_routes(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    store(conn, channel_id, read_series("3.5x30 2.5x10 1.5x5 4.6x30", MINUTE, start_ms=START_MS))
    run_all(evaluator(other))
    told = rows(conn, "select contact_id, medium, purpose from notification order by notification_id")
    assert told == [
        (2, "email", "raised"),  # watch: low, operators only
        (1, "sms", "level"),
        (2, "email", "level"),
        (1, "sms", "level"),
        (2, "email", "level"),
        (1, "sms", "cleared"),
        (2, "email", "cleared"),
    ]


NIGHT = (
    ("4.6x10 2.8x15", "raised act"),
    ("4.6x60", "level lull"),
    ("2.8x20", "level act"),
    ("4.6x60", "level lull"),
    ("1.8x10", "level danger"),
    ("4.6x60", "level lull"),
    ("1.8x10", "level danger"),
    ("4.6x60", "level lull"),
    ("4.6x240", "cleared None"),
)
"""Four falls of one night, the second as the first, two below the worst limit; a lull of four hours ends it."""


def test_the_falls_of_a_night_are_one_alarm_and_the_worst_is_told_each_time(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    levels = (replace(ACT, lull_ms=240 * MINUTE), replace(DANGER, lull_ms=240 * MINUTE))
    rule = oxygen_rule(*with_lulls(levels))
    routing = replace(ROUTING, repeat=Repeat(every="4h", severity=("high", "critical")))
    worker = Evaluator(other, {CHANNEL: [rule]}, routing, lambda: START)
    samples: list[JudgedReading] = []
    waited = []
    for part, change in NIGHT:
        fresh = read_series(part, MINUTE, start_ms=START_MS + len(samples) * MINUTE)
        samples += fresh
        store(conn, channel_id, fresh)
        run_all(worker)
        newest = "select event, detail->>'level' from alarm_event order by alarm_event_id desc limit 1"
        assert " ".join(map(str, rows(conn, newest)[0])) == change
        ((alarm, is_waited_for, level, state),) = rows(
            conn, "select alarm_id, call_at is not null, level, state from alarm"
        )
        waited.append(is_waited_for)
        assert level == ("act" if len(waited) < 5 else "danger"), "a lull is no level of the alarm"
        if change == "level lull":
            assert act_on(conn, alarm, AlarmAct.ACKNOWLEDGE, START, person="lan") is not None
        elif change.startswith("level"):
            assert state == "unacknowledged", "what comes after a lull must be acknowledged again"
    assert waited == [True, False, True, False, True, False, True, False, False]
    told = rows(conn, "select purpose from notification where medium = 'sms' order by notification_id")
    assert told == [("raised",), ("level",), ("level",), ("cleared",)]
    farmer = Addressee(1, "Ông Sáu", "vi", "+84912345678", None, frozenset({"farmers"}), frozenset())
    decisions = step(rule, RuleState(), ReadingBlock.of(samples)).decisions
    (tried,) = histories([(rule, decisions)], [farmer], routing, START_MS + 600 * MINUTE)
    assert len(tried.alarms) == 1
    assert [(one.t_ms - START_MS) // MINUTE for one in tried.told if one.to] == [19, 169, 239, 484], "as tried, so told"


def test_after_a_lull_people_are_told_of_the_other_side_and_of_all_where_the_rule_has_lulls_no_more(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    much = replace(ACT, side=Side.ABOVE, limit=12.0, clear=11.0)
    rule = oxygen_rule(*with_lulls([replace(ACT, lull_ms=240 * MINUTE), much]))
    samples: list[JudgedReading] = []

    def told_by(worker: Evaluator, part: str) -> list[str]:
        fresh = read_series(part, MINUTE, start_ms=START_MS + len(samples) * MINUTE)
        samples.extend(fresh)
        store(conn, channel_id, fresh)
        run_all(worker)
        told = rows(conn, "select purpose from notification where medium = 'sms' order by notification_id")
        return [purpose for (purpose,) in told]

    worker = Evaluator(other, {CHANNEL: [rule]}, ROUTING, lambda: START)
    assert told_by(worker, "2.8x15 4.6x60 2.8x15 4.6x60") == ["raised"]
    assert told_by(worker, "13x15 4.6x60") == ["raised", "level"]
    farmer = Addressee(1, "Ông Sáu", "vi", "+84912345678", None, frozenset({"farmers"}), frozenset())
    decisions = step(rule, RuleState(), ReadingBlock.of(samples)).decisions
    (tried,) = histories([(rule, decisions)], [farmer], ROUTING, START_MS + 210 * MINUTE)
    assert [(one.t_ms - START_MS) // MINUTE for one in tried.told if one.to] == [9, 159], "as tried, so told"
    assert told_by(worker, "2.8x9") == ["raised", "level"]
    edited = Evaluator(other, {CHANNEL: [oxygen_rule(ACT, much)]}, ROUTING, lambda: START)
    assert told_by(edited, "2.8x1") == ["raised", "level", "level"]
    by_day = replace(rule, texts=replace(rule.texts, by_day=True))
    routing = replace(ROUTING, repeat=Repeat(every="4h", severity=("high",)))
    last = Evaluator(other, {CHANNEL: [by_day]}, routing, lambda: START)
    assert told_by(last, "2.8x15 4.6x60 2.8x15") == ["raised", "level", "level"]
    ((alarm, *waiting),) = rows(conn, "select alarm_id, state, call_at from alarm")
    assert waiting == ["unacknowledged", None], "it can wait for the morning"
    assert told_by(last, "4.6x60") == ["raised", "level", "level"]
    shelve(conn, alarm, "lan", "cleaning", START + timedelta(hours=1), START)
    assert told_by(last, "2.8x15") == ["raised", "level", "level"]
    unshelve(conn, alarm, "lan", None, START)
    last.tell_what_is_due()
    assert told_by(last, "2.8x1") == ["raised", "level", "level", "raised"], "it fell again while it was shelved"
    assert told_by(last, "4.6x300")[-1] == "cleared"
    assert told_by(Evaluator(other, {CHANNEL: [rule]}, ROUTING, lambda: START), "2.8x8")[-1] == "cleared"
    low = replace(ACT, name="low", lull_ms=240 * MINUTE)
    renamed = Evaluator(other, {CHANNEL: [oxygen_rule(*with_lulls([low]))]}, ROUTING, lambda: START)
    assert told_by(renamed, "2.8x4")[-1] == "cleared"
    assert rows(conn, "select level from alarm where cleared_at is null") == [], "its lull has counted, it has not"
    assert told_by(renamed, "2.8x6")[-1] == "raised"
    assert rows(conn, "select level from alarm where cleared_at is null") == [("low",)]


def test_easing_and_coming_back_to_a_level_told_before_sends_nothing_more(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    store(conn, channel_id, read_series("3.5x30 1.5x5 3.5x30 1.5x5", MINUTE, start_ms=START_MS))
    run_all(evaluator(other))
    assert rows(conn, "select count(*) from notification where medium = 'sms'") == [(1,)]
    assert rows(conn, "select level, severity from v_alarm") == [("danger", "critical")]


def test_a_worse_level_must_be_acknowledged_again(conn: Connection, other: Connection, channel_id: int) -> None:
    worker = evaluator(other)
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
    run_all(worker)
    conn.execute("update alarm set state = 'acknowledged', acknowledged_at = now(), acknowledged_by = 'lan'")
    store(conn, channel_id, read_series("1.5x5", MINUTE, start_ms=START_MS + 10 * MINUTE))
    run_all(worker)
    assert rows(conn, "select state, acknowledged_by from v_alarm") == [("unacknowledged", None)]


@pytest.mark.parametrize("piece_minutes", [60_000, 7], ids=["at once", "in pieces"])
def test_late_readings_disturb_nothing_and_their_alarm_is_recorded(
    conn: Connection, other: Connection, channel_id: int, piece_minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the period of late readings is: it is replayed piece by piece, and none is left out."""
    monkeypatch.setattr(past, "PIECE_MS", piece_minutes * MINUTE)
    now = [START]
    worker = Evaluator(other, {CHANNEL: [oxygen_rule()]}, ROUTING, lambda: now[0])
    store(conn, channel_id, read_series("4.6x5 _x60 4.6x5", MINUTE, start_ms=START_MS))
    run_all(worker)
    state = rows(conn, STATE)
    late = read_series("0.5x60", MINUTE, start_ms=START_MS + 5 * MINUTE)
    store(conn, channel_id, [s._replace(received_ms=START_MS + 70 * MINUTE) for s in late])
    run_all(worker)
    now[0] += SETTLE
    worker.tell_summaries()
    assert rows(conn, "select count(*) from alarm where not late") == [(0,)]
    assert minutes_of(conn) == [("danger", 9.0, 69.0)]  # five minutes low from the fifth on; five good ones end nothing
    assert rows(conn, STATE) == state
    assert rows(conn, "select lag_rows from v_feed where consumer = 'alerts'") == [(0,)]


@pytest.mark.parametrize(("value", "shown"), [(0.5, [("danger", 0.5, None)]), (2.5, [])])
def test_danger_in_late_readings_of_a_time_of_a_milder_alarm_is_on_record_and_told(
    conn: Connection, other: Connection, channel_id: int, value: float, shown: list[tuple[str, float, None]]
) -> None:
    """An alarm was told as it happened; how bad it was stood in what came later."""
    now = [START]
    worker = Evaluator(other, {CHANNEL: [oxygen_rule()]}, ROUTING, lambda: now[0])
    store(conn, channel_id, read_series("4.6x5 2.8x15 _x10 2.8x5 4.6x40", MINUTE, start_ms=START_MS))
    run_all(worker)
    late = read_series(f"{value}x10", MINUTE, start_ms=START_MS + 20 * MINUTE)
    store(conn, channel_id, [s._replace(received_ms=START_MS + 75 * MINUTE) for s in late])
    run_all(worker)
    now[0] += SETTLE
    worker.tell_summaries()
    assert rows(conn, "select level, value, untold from v_alarm where late") == shown
    told = rows(conn, "select body from notification where purpose = 'late' and medium = 'sms'")
    assert len(told) == len(shown)
    assert all("0,50" in body for (body,) in told)


@pytest.mark.parametrize("before", ["2.8x15 4.6x60", "2.8x15"], ids=["in a lull", "at a milder level"])
def test_danger_that_an_outage_hid_and_that_holds_at_its_end_is_told_as_now_not_as_past(
    conn: Connection, other: Connection, channel_id: int, before: str
) -> None:
    now = [START]
    levels = with_lulls([replace(ACT, lull_ms=240 * MINUTE), replace(DANGER, lull_ms=240 * MINUTE)])
    worker = Evaluator(other, {CHANNEL: [oxygen_rule(*levels)]}, ROUTING, lambda: now[0])
    series = read_series(f"{before} 1.5x60 1.5x2", MINUTE, start_ms=START_MS)  # two are too few by themselves
    known = len(series) - 62
    store(conn, channel_id, [*series[:known], *series[-2:]])
    run_all(worker)
    store(conn, channel_id, [s._replace(received_ms=series[-1].t_ms) for s in series[known:-2]])
    run_all(worker)
    now[0] += SETTLE
    worker.tell_summaries()
    told = "select purpose from notification where medium = 'sms' order by notification_id"
    assert rows(conn, told) == [("raised",), ("level",)]
    assert rows(conn, "select level, late from alarm") == [("danger", False)]
    run_all(worker)
    well = read_series("1.5x5 4.6x300", MINUTE, start_ms=series[-1].t_ms + MINUTE)
    store(conn, channel_id, well)
    run_all(worker)
    assert rows(conn, told) == [("raised",), ("level",), ("cleared",)], "once, and over with the lull"


@pytest.mark.parametrize("before", ["2.8x15 4.6x60", "4.6x60"], ids=["in a lull", "without an alarm"])
def test_danger_that_an_outage_hid_and_that_has_eased_is_told_as_past_beside_what_holds(
    conn: Connection, other: Connection, channel_id: int, before: str
) -> None:
    now = [START]
    levels = with_lulls([replace(ACT, lull_ms=240 * MINUTE), replace(DANGER, lull_ms=240 * MINUTE)])
    worker = Evaluator(other, {CHANNEL: [oxygen_rule(*levels)]}, ROUTING, lambda: now[0])
    series = read_series(f"{before} 1.5x60 2.8x60", MINUTE, start_ms=START_MS)
    known = len(series) - 120
    now[0] = instant(series[-1].t_ms)
    store(conn, channel_id, [*series[:known], *series[-2:]])
    run_all(worker)
    store(conn, channel_id, [s._replace(received_ms=series[-1].t_ms) for s in series[known:-2]])
    run_all(worker)
    now[0] += SETTLE
    worker.tell_summaries()
    assert rows(conn, "select level, cleared_at is null from alarm where late") == [("danger", False)]
    assert rows(conn, "select level, cleared_at is null from alarm where not late") == [("act", True)]
    sent = rows(conn, "select purpose from notification where medium = 'sms' order by notification_id")
    assert sorted(purpose for (purpose,) in sent) == ["late", "raised"]


@pytest.mark.parametrize(
    ("test", "flag", "raised"),
    [("spike", Quality.SUSPECT, False), ("thermometer", Quality.FAIL, False), ("ph_oxygen", Quality.SUSPECT, True)],
)
def test_a_flag_of_the_quality_service_keeps_a_reading_from_raising_but_no_mere_doubt_about_its_device(
    conn: Connection, other: Connection, channel_id: int, test: str, flag: Quality, raised: bool
) -> None:
    samples = read_series("2.8x30", MINUTE, start_ms=START_MS)
    with conn.transaction():
        for sample in samples:
            conn.execute(
                'insert into reading_flag (channel_id, time, test, flag, "by", at) values (%s, %s, %s, %s, %s, %s)',
                [channel_id, instant(sample.t_ms), test, flag, "quality", START],
            )
    store(conn, channel_id, samples)
    run_all(evaluator(other))
    assert bool(minutes_of(conn)) == raised


def test_the_position_never_passes_that_of_quality(conn: Connection, other: Connection, channel_id: int) -> None:
    conn.execute("insert into consumer (consumer, position) values ('quality', 0)")
    worker = evaluator(other)
    store(conn, channel_id, read_series("2.8x30", MINUTE, start_ms=START_MS))
    run_all(worker)
    assert minutes_of(conn) == []
    conn.execute("update consumer set position = (select max(id) from change) where consumer = 'quality'")
    run_all(worker)
    assert minutes_of(conn) == [("act", 9.0, None)]


def test_a_reading_that_quality_is_to_look_at_again_is_waited_for_and_not_passed_over(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    """A repeat of judged readings, unread by quality, hid their recovery: the alarm stood for six hours more."""
    conn.execute("update channel set history_tests = '{spike}'")
    conn.execute("insert into consumer (consumer, position) values ('quality', 0)")
    worker = evaluator(other)
    store(conn, channel_id, read_series("2.8x30 4.6x40", MINUTE, start_ms=START_MS))
    conn.execute("update consumer set position = (select max(id) from change) where consumer = 'quality'")
    with conn.transaction():
        append_changes(conn, [NewChange(STATION, channel_id, START, START + timedelta(minutes=70), 70, "reading")])
    run_all(worker)
    assert rows(conn, "select position from consumer where consumer = 'alerts'") == [(0,)]
    conn.execute("update consumer set position = (select max(id) from change) where consumer = 'quality'")
    run_all(worker)
    assert minutes_of(conn) == [("act", 9.0, 59.0)]
    assert rows(conn, "select lag_rows from v_feed where consumer = 'alerts'") == [(0,)]


def test_a_reading_that_a_person_calls_not_evaluated_counts_for_nothing_and_holds_nothing_up(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    conn.execute("update channel set history_tests = '{spike}'")
    conn.execute("insert into consumer (consumer, position) values ('quality', 0)")
    worker = evaluator(other)
    store(conn, channel_id, read_series("2.8x30", MINUTE, start_ms=START_MS))
    conn.execute(
        'insert into reading_flag (channel_id, time, flag, "by", at)'
        " select channel_id, time, %s, 'lan', now() from reading order by time limit 20",
        [Quality.NOT_EVALUATED],
    )
    conn.execute("update consumer set position = (select max(id) from change) where consumer = 'quality'")
    run_all(worker)
    assert minutes_of(conn) == [("act", 29.0, None)]


def test_a_centre_that_never_ran_quality_still_alarms(conn: Connection, other: Connection, channel_id: int) -> None:
    conn.execute("update channel set history_tests = '{spike}'")
    store(conn, channel_id, read_series("2.8x30", MINUTE, start_ms=START_MS))
    assert rows(conn, "select distinct quality from v_reading") == [(2,)]
    run_all(evaluator(other))
    assert minutes_of(conn) == [("act", 9.0, None)]


def test_a_round_that_fails_leaves_nothing_behind_and_is_repeated_whole(
    conn: Connection, other: Connection, channel_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
    worker = evaluator(other)
    with monkeypatch.context() as patch:
        patch.setattr(RuleMemory, "save", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            worker.round()
    for table in ("alarm", "alarm_event", "notification", "rule_state", "rule_cursor"):
        assert rows(conn, f"select count(*) from {table}") == [(0,)]
    run_all(worker)
    assert minutes_of(conn) == [("act", 9.0, None)]
    assert rows(conn, "select count(*) from notification") == [(2,)]


def test_a_restart_does_not_resolve_a_standing_alarm(conn: Connection, other: Connection, channel_id: int) -> None:
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
    run_all(evaluator(other))
    again = evaluator(other)
    again.close_orphans(own_rules=())
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS + 10 * MINUTE))
    run_all(again)
    assert minutes_of(conn) == [("act", 9.0, None)]


def test_what_happened_while_alerts_was_down_is_told_once_with_its_own_time(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
    run_all(evaluator(other))
    store(conn, channel_id, read_series("4.6x120", MINUTE, start_ms=START_MS + 10 * MINUTE))
    run_all(evaluator(other))
    assert minutes_of(conn) == [("act", 9.0, 39.0)]
    assert rows(conn, "select medium, purpose from notification order by notification_id") == [
        ("sms", "raised"),
        ("email", "raised"),
        ("sms", "cleared"),
        ("email", "cleared"),
    ]


def test_a_state_that_was_lost_makes_no_second_alarm(conn: Connection, other: Connection, channel_id: int) -> None:
    worker = evaluator(other)
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
    run_all(worker)
    conn.execute("delete from rule_state")
    conn.execute("delete from rule_cursor")
    store(conn, channel_id, read_series("2.8x10 4.6x30", MINUTE, start_ms=START_MS + 10 * MINUTE))
    run_all(evaluator(other))
    assert minutes_of(conn) == [("act", 9.0, 49.0)]
    assert rows(conn, "select count(*) from notification where purpose <> 'cleared'") == [(2,)]


@pytest.mark.parametrize(
    ("rules", "cause"),
    [
        ({}, EndCause.RULE_REMOVED),
        ({"st-x/do": [replace(oxygen_rule(), channel="st-x/do")]}, EndCause.UNWATCHED),
    ],
)
def test_a_rule_that_is_gone_ends_its_alarm_with_that_reason(
    conn: Connection, other: Connection, channel_id: int, rules: dict[str, list[ChannelRule]], cause: EndCause
) -> None:
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
    run_all(evaluator(other))
    assert Evaluator(other, rules, ROUTING, lambda: START).close_orphans(own_rules=()) == 1
    events = rows(conn, "select event, reason from v_alarm_event order by alarm_event_id")
    assert events[1] == ("cleared", cause)
    assert rows(conn, "select ended_by from v_alarm") == [(cause,)]
    assert rows(conn, "select count(*) from rule_state") == [(0,)]


def test_channels_that_come_with_a_configuration_are_evaluated(conn: Connection, other: Connection) -> None:
    worker = evaluator(other)
    channel_id = add_network(conn)
    with conn.transaction():
        append_changes(conn, [NewChange(STATION, None, START, START, 0, "configuration")])
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
    run_all(worker)
    assert minutes_of(conn) == [("act", 9.0, None)]


def test_several_rules_on_one_channel_have_an_alarm_each(conn: Connection, other: Connection, channel_id: int) -> None:
    second = oxygen_rule(DANGER)
    renamed = ChannelRule(**{name: getattr(second, name) for name in second.__slots__} | {"rule": "do-danger"})
    store(conn, channel_id, read_series("1.5x10", MINUTE, start_ms=START_MS))
    run_all(evaluator(other, oxygen_rule(ACT, WATCH), renamed))
    assert rows(conn, "select rule, level from v_alarm order by rule") == [("do-danger", "danger"), ("do-low", "act")]


def test_a_backlog_is_taken_in_rounds_of_so_many_rows(
    conn: Connection, other: Connection, channel_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(conn, channel_id, read_series("2.8x105", MINUTE, start_ms=START_MS), block=10)
    worker = evaluator(other)
    monkeypatch.setattr(feed, "MOST_ROWS", 40)
    assert [len(worker.round()) for _ in range(4)] == [4, 4, 3, 0]
    assert minutes_of(conn) == [("act", 9.0, None)]


def test_a_new_consumer_does_not_tell_of_a_past_that_nobody_evaluated(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    store(conn, channel_id, read_series("2.8x30", MINUTE, start_ms=START_MS))
    conn.execute("update change set at = %s", [START - timedelta(minutes=16)])
    worker = evaluator(other)
    run_all(worker)
    assert minutes_of(conn) == []
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS + 30 * MINUTE))
    run_all(worker)
    assert minutes_of(conn) == [("act", 39.0, None)]  # what still holds takes its own on-delay
