"""Laws of the stages, on random networks, people and matters."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from alerts.alarm.change import AFTERWARDS, CALLS, Purpose
from alerts.telling.contact import MEDIA, Addressee
from alerts.telling.explanation import explain
from alerts.telling.routes import Routing
from alerts.telling.stages import STAGES, Case, Effect, Matter, Person, Recent, Ruling, candidates, followers, outcome
from quantrac.config.notifications import Cap, Duty, EscalationStep, Grouping, QuietHours, Repeat, Route, Storm
from quantrac.telemetry.severity import Severity

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
GROUPS = ("farmers", "operators", "shift-a", "shift-b")
STATIONS = ("st-my-thanh", "st-tran-de")
SEVERITIES = [severity.word for severity in Severity]

severities = st.sampled_from(list(Severity))
some_groups = st.sets(st.sampled_from(GROUPS), min_size=1).map(frozenset)
some_media = st.lists(st.sampled_from([medium.value for medium in MEDIA]), min_size=1, unique=True).map(tuple)
some_severities = st.lists(st.sampled_from(SEVERITIES), min_size=1, unique=True).map(tuple)
clocks = st.times().map(lambda one: one.replace(second=0, microsecond=0))
times = st.integers(0, 2 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))

routes = st.builds(Route, to=st.sampled_from(GROUPS), severity=some_severities, by=some_media, cleared=st.booleans())
quiet = st.builds(
    lambda start, end, groups: QuietHours.model_validate(
        {"from": f"{start:%H:%M}", "to": f"{end:%H:%M}", "groups": sorted(groups)}
    ),
    clocks, clocks, some_groups,
)  # fmt: skip
steps = st.builds(
    lambda minutes, severity, to, by: EscalationStep.model_validate(
        {"after": f"{minutes}m", "severity": severity, "to": sorted(to), "by": by}
    ),
    st.integers(1, 120), some_severities, some_groups, some_media,
)  # fmt: skip
ROSTER = Duty.model_validate({"from": "2026-11-23", "shifts": ["shift-a", "shift-b"], "by": ["sms", "email"]})
networks = st.builds(
    Routing,
    routes=st.lists(routes, max_size=5).map(tuple),
    quiet_hours=st.none() | quiet,
    zone=st.just(ZONE),
    storm=st.builds(Storm, alarms=st.integers(1, 4)),
    breakthrough=st.sets(severities).map(frozenset),
    duty=st.sampled_from([{}, {"operators": ROSTER}]),
    escalation=st.lists(steps, max_size=2).map(tuple),
    repeat=st.none() | st.just(Repeat.model_validate({"every": "20m", "severity": SEVERITIES, "most": 2})),
    grouping=st.none() | st.just(Grouping()),
    cap=st.none() | st.builds(Cap, messages=st.integers(1, 4), by=some_media),
    tags=st.just({"st-my-thanh": frozenset({"estuary"})}),
    consent_required=st.booleans(),
)
people = st.lists(
    st.builds(
        Addressee,
        contact_id=st.integers(1, 9),
        name=st.just("x"),
        language=st.sampled_from(["vi", "en"]),
        phone=st.none() | st.just("+84912345678"),
        email=st.none() | st.just("x@example.org"),
        groups=some_groups,
        stations=st.sets(st.sampled_from(STATIONS), max_size=1).map(frozenset),
        webhook=st.none() | st.just("https://example.org"),
        tags=st.sets(st.sampled_from(["estuary", "pangasius"]), max_size=1).map(frozenset),
        parameters=st.sets(st.sampled_from(["do", "ph"]), max_size=1).map(frozenset),
        media=st.sets(st.sampled_from([medium.value for medium in MEDIA]), max_size=2).map(frozenset),
        severity=st.none() | severities,
        quiet=st.none() | st.tuples(clocks, clocks),
        wake=st.none() | severities,
        cap=st.none() | st.integers(1, 4),
        consent=st.sampled_from([None, "given", "refused"]),
    ),
    max_size=6,
    unique_by=lambda one: one.contact_id,
)
matters = st.builds(
    Matter,
    purpose=st.sampled_from([Purpose.RAISED, Purpose.LEVEL, Purpose.FLAPPING, Purpose.ESCALATED]),
    station=st.sampled_from(STATIONS),
    severity=severities,
    groups=some_groups,
    parameter=st.sampled_from([None, "do", "ph"]),
    at=times,
    breaks=st.booleans(),
    by_day=st.booleans(),
    by=st.none() | some_media,
    without=st.none() | st.sampled_from(MEDIA),
    withheld=st.sampled_from([None, None, "shelved", "out of service"]),
)
some_minutes_ago = st.none() | st.integers(0, 20).map(lambda minutes: NOW - timedelta(minutes=minutes))
recents = st.builds(Recent, st.integers(0, 5), some_minutes_ago, st.integers(0, 5), some_minutes_ago)
lately = st.dictionaries(st.tuples(st.integers(1, 9), st.sampled_from(MEDIA)), recents)


class Situation(NamedTuple):
    """Something to tell, the people and the network, and what people have been told of late."""

    routing: Routing
    contacts: list[Addressee]
    matter: Matter
    recent: dict[Person, Recent]

    def cases(self) -> list[Case]:
        return list(candidates(*self))


situations = st.builds(Situation, networks, people, matters, lately)


@given(situations)
def test_everybody_that_a_route_names_has_one_outcome_with_its_stage_and_reason(situation: Situation) -> None:
    routing, contacts, matter, _ = situation
    named = {
        (one.contact_id, medium)
        for one in contacts
        if (own := one.groups & matter.groups)
        for medium, _ in routing.ways(own, matter.severity, matter.by)
    }
    assert sorted(case.recipient.key for case in situation.cases()) == sorted(named)
    names = {stage.__name__.replace("_", " ") for stage in STAGES}
    for ruling in map(outcome, situation.cases()):
        assert ruling.stage in names
        assert ruling.reason
        waits = ruling.effect is Effect.HOLD and ruling.stage != "withheld"
        assert (ruling.until is not None) == waits
        assert ruling.until is None or matter.at is None or ruling.until > matter.at


@given(situations)
def test_nobody_is_told_without_address_and_consent_nor_against_their_wishes(situation: Situation) -> None:
    routing, _, matter, _ = situation
    for case in situation.cases():
        wants = case.contact
        if outcome(case).effect is Effect.DROP:
            continue
        assert case.contact.address(case.medium) is not None
        assert case.medium is not matter.without
        assert wants.consent == "given" or (wants.consent is None and not routing.consent_required)
        assert not case.contact.stations or matter.station in case.contact.stations
        assert wants.severity is None or matter.severity >= wants.severity
        assert not wants.media or case.medium in wants.media


@given(situations)
def test_what_breaks_through_is_held_by_a_storm_only(situation: Situation) -> None:
    urgent = replace(situation.matter, breaks=True, by_day=False, withheld=None)
    held = {r.stage for r in map(outcome, situation._replace(matter=urgent).cases()) if r.effect is Effect.HOLD}
    assert held <= ({"storm"} if urgent.purpose not in CALLS else set())


@given(situations, st.sampled_from(sorted(AFTERWARDS)))
def test_what_follows_waits_with_the_message_that_still_waits(situation: Situation, purpose: Purpose) -> None:
    routing, _, matter, recent = situation
    told = [case.recipient for case in situation.cases()]
    waiting = {one.key: Ruling(Effect.MERGE, "waiting", "storm", NOW) for one in told}
    after = Matter(purpose, matter.station, matter.severity, at=matter.at)
    for case in followers(routing, told, after, recent, waiting):
        ruling = outcome(case)
        wants = routing.wants_the_end(case.contact, case.medium, matter.severity)
        assert ruling.effect is (Effect.DROP if purpose is Purpose.CLEARED and not wants else Effect.MERGE)


@given(situations)
def test_an_explanation_says_of_each_message_what_becomes_of_it(situation: Situation) -> None:
    routing, contacts, matter, recent = situation
    assert matter.at is not None
    rulings = [(case, outcome(case)) for case in situation.cases()]
    lines = list(explain(contacts, routing, matter, matter.at, recent))[: len(rulings)]
    told = {Effect.SEND: matter.at}
    assert [(line.contact_id, line.medium, line.stage, line.told_at) for line in lines] == [
        (*case.recipient.key, ruling.stage, told.get(ruling.effect, ruling.until)) for case, ruling in rulings
    ]
