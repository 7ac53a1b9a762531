"""The pages of people: every ruling has its words, answers are put together by time, and days are drawn as they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from alerts.inquiry import InquiryAnswer
from alerts.telling.explanation import explain
from alerts.telling.stages import Recent
from alerts.watchdogs.own_rules import OWN_RULES
from dashboards.console.people_page import group_names, group_title
from dashboards.console.roster_page import quiet_bars, week_of
from dashboards.console.rule_library import RuleLibrary
from dashboards.console.telling_words import meaning, reason
from dashboards.console.texts import TEXTS
from dashboards.console.told_page import moment_of, rule_choices, told_groups
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.notifications import EscalationStep, Grouping, Medium
from quantrac.telemetry.severity import Severity
from tests.fixtures.console import CONFIGS
from tests.unit.alerts.test_stages import DUTY, NIGHT, NOON, ROUTING, ZONE, matter, person


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(CONFIGS)


STEP = EscalationStep.model_validate({"after": "15m", "severity": ["critical"], "to": ["managers"], "by": ["sms"]})
PEOPLE = [
    person(1, "operators", "shift-a"),
    person(2, "operators", "shift-b"),
    person(3, "managers"),
    replace(person(4, "operators"), stations=frozenset({"st-elsewhere"})),
    replace(person(5, "operators"), tags=frozenset({"air"})),
    replace(person(6, "operators"), parameters=frozenset({"ph"})),
    replace(person(7, "operators"), severity=Severity.CRITICAL),
    replace(person(8, "operators"), consent="refused"),
    replace(person(9, "operators"), media=frozenset({"webhook"})),
    replace(person(10, "operators"), phone=None, email=None),
]


def test_every_ruling_that_may_be_shown_has_vietnamese_words() -> None:
    routing = replace(
        ROUTING, duty={"operators": DUTY}, escalation=(STEP,), grouping=Grouping(), consent_required=False
    )
    asked = [
        (NOON, matter(Severity.MEDIUM), {}),
        (NIGHT, matter(Severity.MEDIUM), {}),
        (NOON, matter(Severity.CRITICAL), {(1, Medium.SMS): Recent(others=9)}),
        (NOON, replace(matter(Severity.MEDIUM), without=Medium.SMS), {(1, Medium.EMAIL): Recent(station_at=NOON)}),
        *(
            (NOON, replace(matter(Severity.MEDIUM), withheld=why), {})
            for why in ("shelved", "out of service", "flapping")
        ),
    ]
    lines = [line for now, what, told in asked for line in explain(PEOPLE, routing, what, now, told)]
    strict = replace(routing, consent_required=True)
    lines += explain([person(11, "operators")], strict, matter(Severity.MEDIUM), NOON, {})
    reasons = {line.reason for line in lines if line.reason}
    assert len(reasons) >= 14
    for line in lines:
        if line.reason:
            said = reason(line.reason, "vi", str.upper)
            assert said not in ("", line.reason), line.reason
            assert said.isprintable()
    assert "SHIFT-A" in {word for line in lines for word in reason(line.reason, "vi", str.upper).split()}


def test_answers_stand_together_by_time_and_reason() -> None:
    routing = replace(ROUTING, duty={"operators": DUTY}, escalation=(STEP,))
    what = matter(Severity.CRITICAL)
    found = told_groups(InquiryAnswer(what, list(explain(PEOPLE, routing, what, NOON, {}))), "vi", str)
    assert [(same.at, len(same.lines)) for same in found["now"]] == [
        (NOON, sum(len(same.lines) for same in found["now"]))
    ]
    assert [(same.at, same.why) for same in found["called"]] == [(NOON + timedelta(minutes=15), "báo lên cấp trên")]
    assert found["later"] == []
    counts = [len(same.lines) for same in found["never"]]
    assert counts == sorted(counts, reverse=True), "what keeps most people out comes first"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("acknowledged 17", "đã xác nhận cảnh báo 17"),
        ("acknowledged before: 17", "cảnh báo 17 đã được xác nhận trước đó"),
        ("stop", "không nhận tin nhắn nữa"),
        ("alarm 3 was …", "alarm 3 was …"),
    ],
)
def test_an_answer_says_what_was_made_of_it(found: str, said: str) -> None:
    assert meaning(found, "vi") == said


def test_each_level_of_each_rule_can_be_asked_about_and_the_centre_s_own_have_titles(network: Network) -> None:
    choices = rule_choices(RuleLibrary.of(network, date(2026, 11, 30)), "vi")
    rule = next(one for one in choices if one["value"] == "do-low/act")
    assert (rule["title"], rule["severity"], "st-my-thanh" in rule["at"].split()) == ("Oxy thấp", "high", True)
    assert {f"rule_{name}" for name in OWN_RULES} <= set(TEXTS)
    assert not [one for one in choices if one["title"] == one["value"].partition("/")[0]]


def test_a_week_is_drawn_with_turns_and_nights_and_without_files_it_is_empty(network: Network) -> None:
    week = week_of(network, date(2026, 11, 30), network.zone, "vi")
    (drawn, coming) = week["rosters"]["operators"]
    assert [(bar.at, bar.hours, bar.title) for bar in drawn] == [(0, 7, "Ca trực A"), (7, 161, "Ca trực B")]
    assert len(coming) == 7
    assert [(bar.at, bar.hours) for bar in week["quiet"]][:3] == [(0, 4.5), (21, 7.5), (45, 7.5)]
    assert week_of(None, date(2026, 11, 30), network.zone, "vi")["rosters"] == {}
    assert quiet_bars(ROUTING.night, week["since"], week["since"], ZONE) == []
    assert group_names(network, ["strange", "farmers"])[-1] == "strange"
    assert (group_title(network, "en")("farmers"), group_title(None, "en")("farmers")) == (
        "Shrimp and fish farmers",
        "farmers",
    )


@pytest.mark.parametrize("text", ["", "yesterday", "9999-12-31T23:59", "0001-01-01T00:00", "2026-11-24T25:00"])
def test_a_time_that_is_none_means_now(text: str) -> None:
    assert moment_of(text, ZONE, NOON) == NOON


def test_a_time_of_the_form_is_local() -> None:
    assert moment_of("2026-11-24T23:00", ZONE, NOON) == datetime(2026, 11, 24, 23, 0, tzinfo=ZONE)
