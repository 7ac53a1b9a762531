"""The stages that a message to one person passes, from the change of an alarm to the outbox. Pure.

Routes name the candidates, or the alarm's earlier messages do. Each stage lets a candidate pass (None), or says what
becomes of the message and why; the first stage that speaks decides, and what all let pass is sent. What is not dropped
has a `text`. `tell` writes what they decide, `quantrac rules routes` prints it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from alerts.alarm.change import AFTERWARDS, CALLS, Purpose
from alerts.telling.contact import Addressee, Recipient
from alerts.telling.routes import Routing, end_of_quiet, has_duty, next_clock, shift_on_duty
from quantrac.config.notifications import Duty, Medium
from quantrac.telemetry.severity import Severity


class Effect(StrEnum):
    """What becomes of a message."""

    SEND = "send"
    HOLD = "hold"
    """It waits for a time, or until what withholds its alarm ends."""
    MERGE = "merge"
    """It waits with an earlier message about its alarm, and both go out as one."""
    DROP = "drop"


class Ruling(NamedTuple):
    """What a stage makes of a message."""

    effect: Effect
    stage: str
    reason: str
    until: datetime | None = None
    """When a held message goes out; None: it does not wait for a time."""


class Recent(NamedTuple):
    """The recent messages to a person by a medium."""

    others: int = 0
    """Other alarms within the storm's window."""
    station_at: datetime | None = None
    """The last message about the station."""
    messages: int = 0
    """Messages within the cap's window."""
    summary_at: datetime | None = None


NOTHING: Final = Recent()


@dataclass(frozen=True, slots=True)
class Matter:
    """A change of an alarm, and whom it concerns."""

    purpose: Purpose
    station: str | None
    """None: the centre itself."""
    severity: Severity
    groups: frozenset[str] = frozenset()
    """Groups of contacts that it is for."""
    parameter: str | None = None
    """None: the station as a whole."""
    at: datetime | None = None
    """When; None: whatever the hour, and whoever has the duty."""
    breaks: bool = False
    """It goes through quiet hours, caps and grouping."""
    by_day: bool = False
    """It can wait for the morning."""
    by: tuple[str, ...] | None = None
    """These media, in place of what the routes say."""
    without: Medium | None = None
    """A medium that cannot be used now."""
    withheld: str | None = None
    """What withholds its alarm from everybody, such as `shelved`."""


class Case(NamedTuple):
    """One message that may go to one person by one medium, and what bears on it."""

    contact: Addressee
    medium: Medium
    via: tuple[str, ...]
    """Groups whose routes bring it; none: the person was told of the alarm before."""
    matter: Matter
    routing: Routing
    rosters: Mapping[str, Duty] = {}
    """Rosters that hold, by group."""
    recent: Recent = NOTHING
    merged: Ruling | None = None
    """An earlier message about the alarm still waits."""

    @property
    def recipient(self) -> Recipient:
        """The person and the medium."""
        return Recipient(self.contact, self.medium)

    @property
    def way(self) -> str:
        """Why it goes to this person: `farmers by sms`."""
        return f"{self.via[0] if self.via else 'told before'} by {self.medium}"


Person = tuple[int, Medium]
"""Number of a contact, and a medium."""


def candidates(
    routing: Routing, contacts: Iterable[Addressee], matter: Matter, recent: Mapping[Person, Recent] | None = None
) -> Iterator[Case]:
    """Yield each contact in the groups of a matter, by each medium that a route or a step of escalation names."""
    people = sorted((one for one in contacts if one.groups & matter.groups), key=lambda one: one.contact_id)
    rosters, known = _rosters(routing, people, matter), recent or {}
    ways: dict[frozenset[str], list[tuple[Medium, tuple[str, ...]]]] = {}
    for contact in people:
        own = contact.groups & matter.groups
        if own not in ways:
            ways[own] = routing.ways(own, matter.severity, matter.by)
        for medium, via in ways[own]:
            told = known.get((contact.contact_id, medium), NOTHING)
            yield Case(contact, medium, via, matter, routing, rosters, told)


def followers(
    routing: Routing,
    told: Iterable[Recipient],
    matter: Matter,
    recent: Mapping[Person, Recent],
    waiting: Mapping[Person, Ruling],
) -> Iterator[Case]:
    """Yield whoever was told of the alarm before."""
    for one in told:
        yield Case(one.contact, one.medium, (), matter, routing, {}, recent.get(one.key, NOTHING), waiting.get(one.key))


def who(case: Case) -> Ruling | None:
    """Drop what a contact does not want to hear of: other stations, tags, parameters, milder severities."""
    contact, matter = case.contact, case.matter
    if contact.stations and matter.station not in contact.stations:
        return Ruling(Effect.DROP, "who", "other stations only")
    if contact.tags and not contact.tags & case.routing.tags.get(matter.station or "", frozenset()):
        return Ruling(Effect.DROP, "who", "stations with other tags only")
    if contact.parameters and matter.parameter is not None and matter.parameter not in contact.parameters:
        return Ruling(Effect.DROP, "who", "other parameters only")
    if contact.severity is not None and matter.severity < contact.severity:
        return Ruling(Effect.DROP, "who", f"wants {contact.severity.word} and worse only")
    return None


def consent(case: Case) -> Ruling | None:
    """Drop what a contact has not agreed to get."""
    given = case.contact.consent
    if given == "refused" or (case.routing.consent_required and given is None):
        return Ruling(Effect.DROP, "consent", f"consent {given or 'not recorded'}")
    return None


def route(case: Case) -> Ruling | None:
    """Drop what cannot go by this medium: not wished, no address, its carrier in trouble."""
    medium, media = case.medium, case.contact.media
    if media and medium not in media:
        return Ruling(Effect.DROP, "route", f"does not want {medium}")
    if case.contact.address(medium) is None:
        return Ruling(Effect.DROP, "route", f"no address for {medium}, or said STOP")
    if medium is case.matter.without:
        return Ruling(Effect.DROP, "route", f"{medium} is in trouble")
    return None


def duty(case: Case) -> Ruling | None:
    """Drop what goes to the shift on duty only, where another one has the week for all groups that bring it."""
    at, zone = case.matter.at, case.routing.zone
    if at is None or not case.rosters:
        return None
    for group in case.via:
        roster = case.rosters.get(group)
        if roster is None or case.medium not in roster.by or has_duty(roster, case.contact.groups, at, zone):
            return None
    shift = shift_on_duty(case.rosters[case.via[0]], at, zone)
    return Ruling(Effect.DROP, "duty", f"not on duty: {shift} has the week")


def what_for(case: Case) -> Ruling | None:
    """Drop the all-clear of an alarm where the routes of the person say nothing of ends."""
    matter = case.matter
    if matter.purpose is Purpose.CLEARED and not case.routing.wants_the_end(case.contact, case.medium, matter.severity):
        return Ruling(Effect.DROP, "what for", "the route tells no end")
    return None


def withheld(case: Case) -> Ruling | None:
    """Hold what is withheld from everybody."""
    return held_back(case.matter)


def held_back(matter: Matter) -> Ruling | None:
    """Return what withholds a matter from everybody: its alarm is shelved, out of service, flapping.

    People still get the end of an alarm that they know of, but not while it flaps; and always a doubt about it.
    """
    if matter.withheld is None or matter.purpose is Purpose.QUESTIONED:
        return None
    if not matter.purpose.is_end:
        return Ruling(Effect.HOLD, "withheld", matter.withheld)
    return Ruling(Effect.DROP, "withheld", matter.withheld) if matter.withheld == Purpose.FLAPPING else None


def waiting(case: Case) -> Ruling | None:
    """Merge what comes after a message that still waits with it; a reminder is then none, and escalation goes."""
    if case.merged is not None and case.matter.purpose is Purpose.REPEATED:
        return Ruling(Effect.DROP, "waiting", "an earlier message waits")
    return None if case.matter.purpose in CALLS else case.merged


def quiet_hours(case: Case) -> Ruling | None:
    """Hold short messages until the end of the person's quiet hours, or of those of all the person's groups.

    Quiet hours are about what rings: a mail is never held. What can wait for the morning keeps the hours of the
    network for every group, and goes through nobody's.
    """
    matter, contact, routing = case.matter, case.contact, case.routing
    if case.medium is not Medium.SMS or matter.at is None:
        return None
    wakes = _breaks(case) or (contact.wake is not None and matter.severity >= contact.wake)
    if wakes and not matter.by_day:
        return None
    hours = contact.quiet or (routing.night if matter.by_day else routing.hours_of(contact))
    until = None if hours is None else end_of_quiet(matter.at, hours, routing.zone)
    return None if until is None else Ruling(Effect.HOLD, "quiet hours", "quiet hours", until)


def storm(case: Case) -> Ruling | None:
    """Hold a message after as many other alarms as a person can take in, even one that breaks through all else."""
    plan, recent, matter = case.routing.storm, case.recent, case.matter
    if recent.others < plan.alarms or matter.at is None or matter.purpose in CALLS:
        return None
    until = matter.at + timedelta(milliseconds=plan.wait_ms)
    if recent.summary_at is not None:
        until = max(until, recent.summary_at + timedelta(milliseconds=plan.again_ms))
    return Ruling(Effect.HOLD, "storm", "storm", until)


def cap(case: Case) -> Ruling | None:
    """Hold what is more than a person wants in a day until the next digest, but what is urgent."""
    plan, at = case.routing.cap, case.matter.at
    if plan is None or at is None or case.medium not in plan.by or _is_urgent(case):
        return None
    if case.recent.messages < (case.contact.cap or plan.messages):
        return None
    return Ruling(Effect.HOLD, "cap", "cap", next_clock(at, time.fromisoformat(plan.digest), case.routing.zone))


def grouping(case: Case) -> Ruling | None:
    """Hold the first alarm of a station for `wait`, further ones until `interval` after the last; nothing urgent."""
    plan, at, last = case.routing.grouping, case.matter.at, case.recent.station_at
    if plan is None or at is None or case.matter.purpose in AFTERWARDS or _is_urgent(case):
        return None
    until = at + timedelta(milliseconds=plan.wait_ms)
    if last is not None:
        until = max(until, last + timedelta(milliseconds=plan.interval_ms))
    return Ruling(Effect.HOLD, "grouping", "grouping", until) if until > at else None


Stage = Callable[[Case], Ruling | None]
WHO: Final[tuple[Stage, ...]] = (who, consent, route, duty)
WHEN: Final[tuple[Stage, ...]] = (what_for, withheld, waiting, quiet_hours, storm, cap, grouping)
STAGES: Final = (*WHO, *WHEN)
"""All stages in their order. Whoever was told of an alarm before has passed `WHO`."""


def outcome(case: Case) -> Ruling:
    """Return what becomes of a message: the word of the first stage that speaks."""
    for stage in STAGES if case.via else WHEN:
        if (ruling := stage(case)) is not None:
            return ruling
    return Ruling(Effect.SEND, "route", case.way)


class TextForm(NamedTuple):
    """Which text a person reads."""

    language: str
    is_short: bool
    accented: bool
    end_follows: bool


def text(case: Case) -> TextForm:
    """Return which text a message has: the last step of every message that is not dropped, which rules nothing."""
    contact, is_short = case.contact, case.medium is Medium.SMS
    end_follows = is_short or case.routing.wants_the_end(contact, case.medium, case.matter.severity)
    return TextForm(contact.language, is_short, contact.accented, end_follows)


def recipients(routing: Routing, contacts: Iterable[Addressee], matter: Matter) -> list[Recipient]:
    """Return who is told of a matter at once: each contact once a medium, however many groups and routes name it."""
    return [case.recipient for case in candidates(routing, contacts, matter) if outcome(case).effect is Effect.SEND]


def unreached(routing: Routing, contacts: Iterable[Addressee], matter: Matter) -> str:
    """Return why nobody is told of a matter: `2 times consent not recorded, no address for sms, or said STOP`."""
    reasons = Counter(outcome(case).reason for case in candidates(routing, contacts, matter))
    if not reasons:
        return f"no contact and route for {', '.join(sorted(matter.groups)) or 'no group'}, {matter.severity.word}"
    return ", ".join(f"{count} times {reason}" if count > 1 else reason for reason, count in reasons.items())


def _is_urgent(case: Case) -> bool:
    """Whether only the night and a storm may hold it: what breaks through, worse levels, calls."""
    return case.matter.purpose in CALLS | {Purpose.LEVEL} or _breaks(case)


def _breaks(case: Case) -> bool:
    return case.matter.breaks or case.matter.severity in case.routing.breakthrough


def _rosters(routing: Routing, people: Iterable[Addressee], matter: Matter) -> dict[str, Duty]:
    """Return the rosters that hold: where nobody on duty can be told, everybody of the group is."""
    at, cases = matter.at, [Case(one, Medium.SMS, (), matter, routing) for one in people if routing.duty]
    if at is None:
        return {}
    return {
        group: roster
        for group, roster in routing.duty.items()
        if any(
            group in case.contact.groups
            and has_duty(roster, case.contact.groups, at, routing.zone)
            and who(case) is None
            and consent(case) is None
            and any(case.contact.address(medium) is not None for medium in roster.by)
            for case in cases
        )
    }
