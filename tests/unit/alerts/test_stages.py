"""Duty, what is held, escalation, flapping, and what people want to hear: decisions with `now` passed in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.alarm.change import Purpose
from alerts.telling.change_rate import change_rate
from alerts.telling.contact import Addressee, Recipient
from alerts.telling.escalation import next_call
from alerts.telling.routes import Routing, shift_on_duty
from alerts.telling.stages import NOTHING, Case, Effect, Matter, Recent, Ruling, candidates, followers, outcome
from quantrac.config.notifications import (
    Cap,
    Duty,
    EscalationStep,
    Flapping,
    Grouping,
    Medium,
    QuietHours,
    Repeat,
    Route,
)
from quantrac.telemetry.severity import Severity

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=ZONE)
NIGHT = datetime(2026, 11, 24, 23, 0, tzinfo=ZONE)
MORNING = datetime(2026, 11, 25, 4, 30, tzinfo=ZONE)
DUTY = Duty.model_validate({"from": "2026-11-23", "shifts": ["shift-a", "shift-b"], "swaps": {"2026-12-07": "shift-b"}})
ROUTES = (Route(to="operators", severity=tuple(Severity), by=("sms", "email")),)
ROUTING = Routing(
    ROUTES,
    QuietHours.model_validate({"from": "21:00", "to": "04:30", "groups": ["operators"]}),
    ZONE,
    breakthrough=frozenset({Severity.CRITICAL}),
    grouping=Grouping(),
    cap=Cap(messages=3),
    tags={"st-my-thanh": frozenset({"white-leg-shrimp", "estuary"})},
)


def person(id_: int = 1, *groups: str, **wishes: Any) -> Addressee:
    own = frozenset(groups or ("operators",))
    return replace(Addressee(id_, "x", "vi", "+84912345678", "x@example.org", own), **wishes)


def matter(severity: Severity = Severity.MEDIUM, *groups: str, at: datetime = NOON) -> Matter:
    return Matter(Purpose.RAISED, "st-my-thanh", severity, frozenset(groups or ("operators",)), "do", at)


def told(routing: Routing, people: list[Addressee], what: Matter) -> list[tuple[int, str]]:
    cases = candidates(routing, people, what)
    return [(one.contact.contact_id, one.medium.value) for one in cases if outcome(one).effect is Effect.SEND]


@pytest.mark.parametrize(
    ("local", "shift"),
    [
        ("2026-11-23 06:59", "shift-b"),  # a week before the first: the list goes round backwards too
        ("2026-11-23 07:00", "shift-a"),
        ("2026-11-30 06:59", "shift-a"),
        ("2026-11-30 07:00", "shift-b"),
        ("2026-12-07 07:00", "shift-b"),  # swapped
        ("2026-12-14 07:00", "shift-b"),
    ],
)
def test_shifts_take_turns_by_the_week(local: str, shift: str) -> None:
    assert shift_on_duty(DUTY, datetime.fromisoformat(local).replace(tzinfo=ZONE).astimezone(UTC), ZONE) == shift


def test_only_the_shift_on_duty_gets_short_messages_and_who_is_in_no_shift_always_does() -> None:
    routing = replace(ROUTING, duty={"operators": DUTY})
    people = [person(1, "operators", "shift-a"), person(2, "operators", "shift-b"), person(3)]
    assert told(routing, people, matter()) == [(1, "sms"), (1, "email"), (2, "email"), (3, "sms"), (3, "email")]
    rulings = [outcome(case) for case in candidates(routing, people, matter())]
    assert [(r.stage, r.reason) for r in rulings if r.effect is Effect.DROP] == [
        ("duty", "not on duty: shift-a has the week"),
    ]


def test_a_shift_that_nobody_can_be_reached_in_leaves_nobody_out() -> None:
    routing = replace(ROUTING, duty={"operators": DUTY})
    people = [person(1, "operators", "shift-a", phone=None), person(2, "operators", "shift-b")]
    assert (2, "sms") in told(routing, people, matter())


TWO_GROUPS = replace(
    ROUTING,
    routes=(
        Route(to="operators", severity=tuple(Severity), by=("email",)),
        Route(to="operators", severity=(Severity.HIGH, Severity.CRITICAL), by=("sms",), cleared=False),
        Route(to="farmers", severity=(Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL), by=("sms",)),
    ),
)


@pytest.mark.parametrize(
    ("severity", "groups", "expected"),
    [
        (Severity.LOW, ("operators", "farmers"), [(1, "email")]),
        (Severity.MEDIUM, ("operators", "farmers"), [(1, "email"), (2, "sms")]),
        (Severity.CRITICAL, ("operators", "farmers"), [(1, "sms"), (1, "email"), (2, "sms")]),
        (Severity.HIGH, ("farmers",), [(2, "sms")]),  # a group that the level does not name is not told
    ],
)
def test_routes_of_the_level_s_groups_add_up(
    severity: Severity, groups: tuple[str, ...], expected: list[tuple[int, str]]
) -> None:
    assert told(TWO_GROUPS, [person(1, "operators"), person(2, "farmers")], matter(severity, *groups)) == expected


def test_the_end_is_told_where_a_route_says_so() -> None:
    operator = person(1, "operators")
    assert TWO_GROUPS.wants_the_end(operator, Medium.EMAIL, Severity.HIGH)
    assert not TWO_GROUPS.wants_the_end(operator, Medium.SMS, Severity.HIGH)
    assert TWO_GROUPS.wants_the_end(person(2, "farmers"), Medium.SMS, Severity.HIGH)


@pytest.mark.parametrize(
    ("one", "is_told"),
    [
        (person(tags=frozenset({"estuary"})), True),
        (person(tags=frozenset({"pangasius"})), False),
        (person(parameters=frozenset({"salinity"})), False),
        (person(parameters=frozenset({"do", "salinity"})), True),
        (person(severity=Severity.MEDIUM), True),
        (person(media=frozenset({"sms"})), True),
        (person(stations=frozenset({"st-my-thanh", "st-tran-de"})), True),
    ],
)
def test_people_hear_of_what_they_want_to_hear(one: Addressee, is_told: bool) -> None:
    """Whom no station, severity, medium or consent lets be told is a law (`test_stage_laws`)."""
    assert bool(told(ROUTING, [one], matter())) == is_told


def test_where_consent_is_required_it_is_enough_on_record() -> None:
    assert told(replace(ROUTING, consent_required=True), [person(consent="given")], matter())


def hold(
    now: datetime,
    severity: Severity = Severity.MEDIUM,
    so_far: Recent = NOTHING,
    medium: Medium = Medium.SMS,
    routing: Routing = ROUTING,
    purpose: Purpose = Purpose.RAISED,
    **wishes: Any,
) -> tuple[str, datetime | None] | None:
    what = replace(matter(severity, at=now), purpose=purpose)
    ruling = outcome(Case(person(**wishes), medium, ("operators",), what, routing, {}, so_far))
    return None if ruling.effect is Effect.SEND else (ruling.stage, ruling.until)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "expected"),
    [
        ("21:00-04:30", "Asia/Ho_Chi_Minh", "2026-03-01 13:59", None),  # 20:59
        ("21:00-04:30", "Asia/Ho_Chi_Minh", "2026-03-01 14:00", "2026-03-01 21:30"),
        ("21:00-04:30", "Asia/Ho_Chi_Minh", "2026-03-01 20:00", "2026-03-01 21:30"),
        ("21:00-04:30", "Asia/Ho_Chi_Minh", "2026-03-01 21:30", None),
        ("11:30-13:00", "Asia/Ho_Chi_Minh", "2026-03-01 05:00", "2026-03-01 06:00"),  # within one day
        ("11:30-13:00", "Asia/Ho_Chi_Minh", "2026-03-01 06:00", None),
        ("21:00-04:30", "Asia/Kathmandu", "2026-03-01 15:15", "2026-03-01 22:45"),  # UTC+5:45
        ("21:00-04:30", "America/Santiago", "2026-09-06 02:00", "2026-09-06 07:30"),  # when clocks go forward
        ("21:00-04:30", "America/Santiago", "2026-09-06 23:59", None),  # 20:59
    ],
)
def test_a_short_message_waits_for_the_end_of_quiet_hours_by_the_network_s_clocks(
    hours: str, zone: str, now: str, expected: str | None
) -> None:
    start, end = hours.split("-")
    quiet = QuietHours.model_validate({"from": start, "to": end, "groups": ["operators"]})
    routing = replace(ROUTING, quiet_hours=quiet, zone=ZoneInfo(zone))
    then = None if expected is None else ("quiet hours", datetime.fromisoformat(expected).replace(tzinfo=UTC))
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert hold(moment, routing=routing) == then
    assert hold(moment, Severity.CRITICAL, routing=routing) is None  # it breaks through
    assert hold(moment, medium=Medium.EMAIL, routing=routing) is None  # nothing rings


def test_quiet_hours_hold_nobody_who_is_also_in_another_group() -> None:
    assert told(ROUTING, [person(1, "operators", "managers")], matter(at=NIGHT)) == [(1, "sms"), (1, "email")]


def test_a_person_has_quiet_hours_and_a_waking_severity_of_their_own() -> None:
    own: dict[str, Any] = {"quiet": (time(11, 30), time(13)), "wake": Severity.HIGH}
    assert hold(NOON, **own) == ("quiet hours", datetime(2026, 11, 24, 13, 0, tzinfo=ZONE))
    assert hold(NOON, Severity.HIGH, **own) is None
    assert hold(NIGHT, **own) is None


def test_what_is_more_than_the_cap_waits_for_the_digest_unless_it_breaks_through() -> None:
    digest = datetime(2026, 11, 25, 7, 0, tzinfo=ZONE)
    assert hold(NOON, so_far=Recent(messages=2)) is None
    assert hold(NOON, so_far=Recent(messages=3)) == ("cap", digest)
    assert hold(NOON, Severity.CRITICAL, Recent(messages=30)) is None
    assert hold(NOON, so_far=Recent(messages=3), cap=5) is None
    assert hold(NOON, so_far=Recent(messages=3), medium=Medium.EMAIL) is None


def test_a_second_alarm_of_a_station_waits_for_the_interval_to_end() -> None:
    before = NOON - timedelta(minutes=2)
    assert hold(NOON, so_far=Recent(station_at=before)) == ("grouping", before + timedelta(minutes=5))
    assert hold(NOON, Severity.CRITICAL, Recent(station_at=before)) is None


def test_a_worse_level_is_held_neither_by_grouping_nor_by_a_cap() -> None:
    full = Recent(station_at=NOON - timedelta(minutes=1), messages=30)
    for severity in (Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL):
        assert hold(NOON, severity, full, purpose=Purpose.LEVEL) is None
    assert hold(NOON, Severity.HIGH, full) is not None
    assert hold(NIGHT, Severity.HIGH, full, purpose=Purpose.LEVEL) == ("quiet hours", MORNING)


@pytest.mark.parametrize(
    ("severity", "purpose", "held"),
    [
        (Severity.HIGH, Purpose.REPEATED, True),
        (Severity.HIGH, Purpose.ESCALATED, True),  # by the severity alone; escalation asks to break through
        (Severity.CRITICAL, Purpose.REPEATED, False),  # `breakthrough` of the network
    ],
)
def test_a_reminder_keeps_quiet_hours_that_its_severity_keeps(severity: Severity, purpose: Purpose, held: bool) -> None:
    assert hold(NIGHT, severity, purpose=purpose) == (("quiet hours", MORNING) if held else None)
    assert hold(NOON, severity, Recent(station_at=NOON, messages=30, others=9), purpose=purpose) is None


def test_a_reminder_is_none_while_an_earlier_message_about_the_alarm_waits() -> None:
    reminder = replace(matter(at=NOON), purpose=Purpose.REPEATED)
    waits = {(1, Medium.SMS): Ruling(Effect.MERGE, "waiting", "quiet hours", NOON + timedelta(hours=1))}
    told = [Recipient(person(), medium) for medium in (Medium.SMS, Medium.EMAIL)]
    rulings = [outcome(case) for case in followers(ROUTING, told, reminder, {}, waits)]
    assert [(ruling.effect, ruling.reason) for ruling in rulings] == [
        (Effect.DROP, "an earlier message waits"),
        (Effect.SEND, "told before by email"),
    ]


def test_a_storm_holds_even_what_breaks_through_and_its_summaries_keep_apart() -> None:
    flood = Recent(others=2, summary_at=NOON - timedelta(minutes=1))
    assert hold(NOON, Severity.CRITICAL, flood) == ("storm", NOON + timedelta(minutes=4))


def test_escalation_steps_and_repeats_come_in_their_order_and_end() -> None:
    steps = [("30m", "managers"), ("15m", "operators")]
    routing = replace(
        ROUTING,
        escalation=tuple(
            EscalationStep.model_validate({"after": after, "severity": ["critical"], "to": [to], "by": ["sms"]})
            for after, to in steps
        ),
        repeat=Repeat.model_validate({"every": "20m", "severity": ["high", "critical"], "most": 2}),
    )
    at = [(call.at - NOON) / timedelta(minutes=1) for call in routing.calls(Severity.CRITICAL, NOON)]
    assert at == [15, 20, 30, 40]
    assert next_call(routing, Severity.HIGH, NOON, NOON) == (NOON + timedelta(minutes=20), None, None)
    assert next_call(routing, Severity.CRITICAL, NOON, NOON) == (
        NOON + timedelta(minutes=15), ("operators",), (Medium.SMS,),
    )  # fmt: skip
    assert next_call(routing, Severity.HIGH, NOON, NOON + timedelta(minutes=40)) is None
    assert next_call(routing, Severity.LOW, NOON, NOON) is None


def test_the_change_rate_counts_bins_and_weighs_new_ones_more() -> None:
    plan = Flapping()
    width = timedelta(minutes=6)
    assert change_rate([], NOON, plan) == 0
    everywhere = [NOON - width * age for age in range(20)]
    assert change_rate(everywhere, NOON, plan) == pytest.approx(100)
    # Icinga's weights: 1.2 for the newest of 20, 0.8 for the oldest, so that the whole is 20
    assert change_rate([NOON], NOON, plan) == pytest.approx(1.2 / 20 * 100)
    assert change_rate([NOON, NOON - width / 2], NOON, plan) == pytest.approx(1.2 / 20 * 100)
    assert change_rate([NOON - width * 19], NOON, plan) == pytest.approx(0.8 / 20 * 100)
    assert change_rate([NOON - width * 21], NOON, plan) == 0
