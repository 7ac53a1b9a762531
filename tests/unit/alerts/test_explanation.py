"""Who would be told, when and why: the same decisions as when it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

import pytest

from alerts.telling.explanation import NothingToExplain, chosen_level, explain
from alerts.telling.stages import Recent
from quantrac.config.notifications import EscalationStep, Medium
from quantrac.telemetry.severity import Severity
from tests.unit.alerts.rules import oxygen_rule
from tests.unit.alerts.test_stages import DUTY, NIGHT, NOON, ROUTING, ZONE, matter, person


def lines(
    now: datetime,
    severity: Severity = Severity.MEDIUM,
    told: Mapping[tuple[int, Medium], Recent] | None = None,
    withheld: str | None = None,
) -> list[tuple[str, int, str, str | None, str]]:
    step = EscalationStep.model_validate({"after": "15m", "severity": ["critical"], "to": ["managers"], "by": ["sms"]})
    routing = replace(ROUTING, duty={"operators": DUTY}, escalation=(step,))
    people = [person(1, "operators", "shift-a"), person(2, "operators", "shift-b"), person(3, "managers")]
    what = replace(matter(severity), withheld=withheld)
    return [
        (x.occasion, x.contact_id, x.medium, clock(x.told_at), x.why)
        for x in explain(people, routing, what, now, told or {})
    ]


def clock(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(ZONE):%d %H:%M}"


def test_each_person_and_medium_is_told_or_not_with_the_reason() -> None:
    assert lines(NOON) == [
        ("raised", 1, "sms", "24 12:00", "operators by sms"),
        ("raised", 1, "email", "24 12:00", "operators by email"),
        ("raised", 2, "sms", None, "not on duty: shift-a has the week"),
        ("raised", 2, "email", "24 12:00", "operators by email"),
    ]


def test_quiet_hours_and_the_steps_of_escalation_have_their_times() -> None:
    at_night = lines(NIGHT)
    assert at_night[0][3:] == ("25 04:30", "operators by sms; quiet hours until then")
    assert lines(NIGHT, Severity.CRITICAL)[-1] == ("escalated", 3, "sms", "24 23:15", "managers by sms")


def test_what_a_person_has_been_told_of_late_and_what_withholds_an_alarm_count() -> None:
    stormy = lines(NOON, told={(1, Medium.SMS): Recent(others=ROUTING.storm.alarms)})
    assert stormy[0][3:] == ("24 12:00", "operators by sms; storm until then")
    assert stormy[1][3:] == ("24 12:00", "operators by email")
    assert {why for *_, at, why in lines(NOON, withheld="shelved") if at is None} == {
        "operators by sms, but it is shelved",
        "operators by email, but it is shelved",
        "not on duty: shift-a has the week",
    }


TODAY = date(2026, 11, 30)


def test_a_rule_that_is_not_there_is_said_with_what_there_is() -> None:
    rule = oxygen_rule()
    assert chosen_level([rule], rule.rule, rule.station, None, TODAY)[1] == rule.levels[-1]
    with pytest.raises(NothingToExplain, match="st-my-thanh"):
        chosen_level([rule], rule.rule, "st-tran-de", None, TODAY)
    with pytest.raises(NothingToExplain, match=f"rules that do: {rule.rule}"):
        chosen_level([rule], "no-such-rule", rule.station, None, TODAY)
    with pytest.raises(NothingToExplain, match="it has"):
        chosen_level([rule], rule.rule, rule.station, "nothing", TODAY)
