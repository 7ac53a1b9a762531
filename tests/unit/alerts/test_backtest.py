"""A back-test compared with other rules and with what is on record."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluating.evaluation import Decision, DecisionKind
from alerts.telling.contact import Addressee, Recipient
from alerts.telling.routes import Routing
from alerts.trials.backtest import PastAlarm, PastTelling, histories
from alerts.trials.backtest_figures import WEEK_MS, RecordedAlarm, difference, people_of, recorded_by, recorded_counts
from quantrac.config.notifications import EscalationStep, Medium, Repeat, Route
from quantrac.telemetry.severity import Severity
from tests.unit.alerts.rules import ACT, MINUTE, WATCH, oxygen_rule


def past(raised_ms: int, cleared_ms: int | None, channel: str = "st-a/do", story: str | None = None) -> PastAlarm:
    return PastAlarm("do-low", channel, "act", Severity.HIGH, raised_ms, cleared_ms, 2.5, story)


def courses(channel: str) -> st.SearchStrategy[list[PastAlarm]]:
    """Alarms about one channel: one ends before the next rises, the last may stand at the end."""

    def made(edges: set[int]) -> list[PastAlarm]:
        times = [*sorted(edges)]
        return [
            past(a, times[i + 1] if i + 1 < len(times) else None, channel) for i, a in enumerate(times) if not i % 2
        ]

    return st.sets(st.integers(0, 60), max_size=12).map(made)


def overlap(one: PastAlarm, other: PastAlarm) -> bool:
    if one.about != other.about:
        return False
    first, second = sorted((one, other), key=lambda alarm: alarm.raised_ms)
    return first.cleared_ms is None or first.cleared_ms >= second.raised_ms


sets_of_alarms = st.tuples(courses("st-a/do"), courses("st-b/do")).map(lambda both: both[0] + both[1])


@given(sets_of_alarms, sets_of_alarms)
def test_an_alarm_is_gone_or_new_where_none_about_the_same_stands_at_any_of_its_time(
    old: list[PastAlarm], new: list[PastAlarm]
) -> None:
    found = difference(old, new)
    assert list(found.only_in_force) == [one for one in old if not any(overlap(one, other) for other in new)]
    assert list(found.only_new) == [one for one in new if not any(overlap(one, other) for other in old)]
    assert found.in_both == len(new) - len(found.only_new)


def test_alarms_on_record_are_counted_by_what_people_said_of_them() -> None:
    twins = [past(10, 20, "st-a/water_temp", "water_temp"), past(30, 40, "st-a/level_temp", "water_temp")]
    old = [past(10, 20), past(30, 40), past(50, None), *twins]
    new = [past(12, 18), twins[0]]
    recorded = [
        RecordedAlarm(1, past(11, 20), "Lan"),
        RecordedAlarm(2, past(30, 41), "Lan"),
        RecordedAlarm(3, past(60, None), None),
        RecordedAlarm(4, past(22, 28), None),
        RecordedAlarm(5, past(31, 35, "st-a/water_temp", "water_temp"), None),
        RecordedAlarm(6, past(11, 12, "st-a/level_temp", "water_temp"), None),
    ]
    found = recorded_by(recorded, old, new)
    assert [(one.alarm_id, one.in_force, one.new) for one in found] == [
        (1, True, True), (2, True, False), (3, True, False), (4, False, False), (5, True, False), (6, True, True),
    ]  # fmt: skip
    counts = recorded_counts(found)
    assert (counts.false, counts.false_gone, counts.others, counts.others_lost, counts.unexplained) == (2, 1, 3, 2, 1)


def test_reminders_and_escalation_are_messages_too_while_the_alarm_stands_at_their_severity() -> None:
    farmer = Addressee(1, "Lan", "vi", "+84900000001", None, frozenset({"farmers"}))
    manager = replace(farmer, contact_id=2, groups=frozenset({"managers"}))
    routing = Routing(
        (Route(to="farmers", severity=tuple(Severity), by=("sms",)),), None, ZoneInfo("UTC"),
        escalation=(EscalationStep.model_validate(
            {"after": "30m", "severity": ["high"], "to": ["managers"], "by": ["sms"]}
        ),),
        repeat=Repeat.model_validate({"every": "20m", "severity": ["high"], "most": 3}),
    )  # fmt: skip
    decisions = [
        Decision(DecisionKind.RAISED, 0, 2.5, ACT, 0),
        Decision(DecisionKind.LEVEL, 45 * MINUTE, 3.5, WATCH, 45 * MINUTE),
        Decision(DecisionKind.CLEARED, 70 * MINUTE, 4.5, WATCH, 70 * MINUTE),
        Decision(DecisionKind.RAISED, 100 * MINUTE, 2.5, ACT, 100 * MINUTE),
    ]
    (found,) = histories([(oxygen_rule(), decisions)], [farmer, manager], routing, 125 * MINUTE)
    assert [(one.t_ms // MINUTE, sorted(to.contact.contact_id for to in one.to)) for one in found.told] == [
        (0, [1]), (20, [1]), (30, [2]), (40, [1, 2]), (70, [1, 2]), (100, [1]), (120, [1]),
    ]  # fmt: skip


def test_two_people_of_one_name_are_two() -> None:
    lan = Addressee(1, "Lan", "vi", "+84900000001", None, frozenset({"farmers"}))
    other = replace(lan, contact_id=2)
    both = [Recipient(lan, Medium.SMS), Recipient(other, Medium.SMS)]
    told = [PastTelling(0, both), PastTelling(WEEK_MS, both[:1]), PastTelling(WEEK_MS + 1, both[:1])]
    found = people_of(told, 0, 2 * WEEK_MS)
    assert [(one.contact_id, one.contact, one.messages, one.worst_week) for one in found] == [
        (1, "Lan", 3, 2), (2, "Lan", 1, 1),
    ]  # fmt: skip
