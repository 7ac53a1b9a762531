"""Who would be told what, when and why: for an alarm on record, and for one that might be. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from alerts.rules.rule import ChannelRule, Level
from alerts.telling.contact import Addressee, Medium, Recipient
from alerts.telling.escalation import calls
from alerts.telling.holding import NOTHING_TOLD, Told
from alerts.telling.routes import Matter, Routing, Ruling
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import QuantracError


class NothingToExplain(QuantracError):
    """There is no such rule, level or station; the text says what there is."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Explained:
    """One line: a person, a medium, and whether, when and why they are told."""

    stage: str
    """`raised`, the call of escalation, or `on record`: a message that there is."""
    contact_id: int
    name: str
    medium: str
    told_at: datetime | None
    """None: not told, or not yet."""
    why: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When a matter rises, and what bears on who is told of it then."""

    now: datetime
    breaks: bool = False
    """Its level goes through quiet hours."""
    told: Mapping[tuple[int, Medium], Told] = field(default_factory=dict)
    """What people have been told of other things by then, by contact and medium."""
    withheld: str | None = None
    """What withholds it from everybody, such as `shelved`."""


def explain(
    contacts: Iterable[Addressee], routing: Routing, matter: Matter, circumstances: Circumstances
) -> Iterator[Explained]:
    """Yield whom a matter is told to as it rises, and whom each step calls while nobody acknowledges."""
    people, now = list(contacts), circumstances.now
    for verdict in routing.judge(people, matter):
        yield _raised(routing, matter, verdict, circumstances)
    if circumstances.withheld is not None:
        return
    for call in [] if matter.by_day else calls(routing, matter.severity, now):
        if call.step is None:
            yield Explained("repeated", 0, "whoever was told", "", call.at, "while nobody acknowledges")
            continue
        later = Matter(matter.station, matter.severity, frozenset(call.step.to), matter.parameter, call.at)
        for verdict in routing.judge(people, later, call.step.by):
            who, at = verdict.contact, call.at if verdict.is_told else None
            yield Explained("escalated", who.contact_id, who.name, verdict.medium.value, at, verdict.why)


def _raised(routing: Routing, matter: Matter, verdict: Ruling, now: Circumstances) -> Explained:
    who, medium = verdict.contact, verdict.medium
    told = now.told.get((who.contact_id, medium), NOTHING_TOLD)
    at, why = now.now, verdict.why
    if verdict.is_told and now.withheld is not None:
        return Explained("raised", who.contact_id, who.name, medium.value, None, f"{why}, but it is {now.withheld}")
    if not verdict.is_told:
        return Explained("raised", who.contact_id, who.name, medium.value, None, why)
    recipient = Recipient(who, medium)
    hold = routing.hold(recipient, matter.severity, told, at, breaks=now.breaks, by_day=matter.by_day)
    if hold is not None:
        at, why = hold.until, f"{why}; {hold.reason} until then"
    return Explained("raised", who.contact_id, who.name, medium.value, at, why)


MESSAGES: Final = """
select n.contact_id, c.name, n.medium, case when n.status in ('sent', 'delivered', 'unknown') then n.sent_at end,
       concat_ws(', ', n.purpose || ' ' || n.status, n.held_for, n.error)
from notification n join contact c using (contact_id) where n.alarm_id = %s order by n.notification_id
"""


def on_record(conn: Connection, alarm_id: int) -> list[Explained]:
    """Return the messages there are about an alarm, in their order; a summary stands at the worst of its alarms."""
    return [Explained("on record", *row) for row in conn.execute(MESSAGES, [alarm_id])]


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
