"""Who would be told what, when and why: for an alarm on record, and for one that might be. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from alerts.rules.rule import ChannelRule, Level
from alerts.telling.escalating import calls
from alerts.telling.holding import NOTHING_TOLD
from alerts.telling.routing import Contact, Matter, Recipient, Routing
from quantrac.telemetry.errors import QuantracError


class NothingToExplain(QuantracError):
    """There is no such rule, level or station; the text says what there is."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Explained:
    """One line: a person, a medium, and whether, when and why they are told."""

    stage: str
    """`raised`, or the call of escalation."""
    contact_id: int
    name: str
    medium: str
    told_at: datetime | None
    """None: not told."""
    why: str


def explain(
    contacts: Iterable[Contact], routing: Routing, matter: Matter, *, breaks: bool, now: datetime
) -> Iterator[Explained]:
    """Yield whom a matter is told to as it rises, and whom each step calls while nobody acknowledges.

    As if nobody had been told of anything else of late: storms, caps and grouping depend on that.
    """
    people = list(contacts)
    for verdict in routing.judge(people, matter):
        who = verdict.contact
        if not verdict.is_told:
            yield Explained("raised", who.contact_id, who.name, verdict.medium.value, None, verdict.why)
            continue
        recipient = Recipient(who, verdict.medium)
        hold = routing.hold(recipient, matter.severity, NOTHING_TOLD, now, breaks=breaks, by_day=matter.by_day)
        when, why = (now, verdict.why) if hold is None else (hold.until, f"{verdict.why}; {hold.reason} until then")
        yield Explained("raised", who.contact_id, who.name, verdict.medium.value, when, why)
    for call in [] if matter.by_day else calls(routing, matter.severity, now):
        if call.step is None:
            yield Explained("repeated", 0, "whoever was told", "", call.at, "while nobody acknowledges")
            continue
        later = Matter(matter.station, matter.severity, frozenset(call.step.to), matter.parameter, call.at)
        for verdict in routing.judge(people, later, call.step.by):
            who, at = verdict.contact, call.at if verdict.is_told else None
            yield Explained("escalated", who.contact_id, who.name, verdict.medium.value, at, verdict.why)


def chosen_level(rules: Iterable[ChannelRule], rule: str, station: str, level: str | None) -> tuple[ChannelRule, Level]:
    """Return a rule at a station and one of its levels, the worst unless named. Raises NothingToExplain."""
    known = list(rules)
    named = [one for one in known if one.rule == rule]
    if not named:
        names = ", ".join(sorted({one.rule for one in known})) or "none"
        raise NothingToExplain(f"found rule {rule}, which watches no channel; rules that do: {names}")
    there = [one for one in named if one.station == station]
    if not there:
        stations = ", ".join(sorted({one.station for one in named}))
        raise NothingToExplain(f"rule {rule} watches nothing at {station}; it watches: {stations}")
    levels = [one for one in there[0].levels if level in (None, one.name)]
    if not levels:
        raise NothingToExplain(f"rule {rule} has no level {level}; it has {', '.join(x.name for x in there[0].levels)}")
    return there[0], levels[-1]
