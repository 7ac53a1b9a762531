"""Explains who would get a message, when and why, for an alarm on record or a possible one. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from alerts.alarm.change import Purpose
from alerts.rules.rule import ChannelRule
from alerts.telling.contact import Addressee
from alerts.telling.notification import TAKEN
from alerts.telling.routes import Routing
from alerts.telling.stages import Case, Effect, Matter, Person, Recent, candidates, held_back, outcome
from quantrac.config.rules import Level, levels_on
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import TranslatableError

ON_RECORD: Final = "on record"
"""The occasion of a message that there is."""


class NothingToExplain(TranslatableError):
    """There is no such rule, level or station; the text says what there is."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Explained:
    """One line: a person, a medium, and whether, when and why they are told."""

    occasion: str
    """`raised`, the call of escalation, or `on record`: a message that there is."""
    contact_id: int
    name: str
    medium: str
    stage: str
    """The stage that decided, or the status of a message that there is."""
    told_at: datetime | None
    """None: not told, or not yet."""
    why: str
    """All of it in one sentence."""
    via: str | None = None
    """The group by which it concerns the person."""
    reason: str = ""
    """Why it is held, or not told; empty: it is told at once."""


def explain(
    contacts: Iterable[Addressee], routing: Routing, matter: Matter, now: datetime, recent: Mapping[Person, Recent]
) -> Iterator[Explained]:
    """Yield who is told of an alarm that rises now, and whom each step calls while nobody acknowledges.

    `recent`: what people have been told of other things by then.
    """
    people = list(contacts)
    for case in candidates(routing, people, replace(matter, at=now), recent):
        yield _explained(case)
    if held_back(matter) is not None or matter.by_day:
        return
    for call in routing.calls(matter.severity, now):
        if call.step is None:
            why = "while nobody acknowledges"
            yield Explained(Purpose.REPEATED, 0, "whoever was told", "", "who", call.at, why)
            continue
        to = replace(
            matter, purpose=Purpose.ESCALATED, groups=frozenset(call.step.to), by=call.step.by, at=call.at, breaks=True
        )
        yield from map(_explained, candidates(routing, people, to))


def _explained(case: Case) -> Explained:
    ruling, matter = outcome(case), case.matter
    told_at, why = ruling.until, f"{case.way}; {ruling.reason} until then"
    if ruling.effect is Effect.SEND:
        told_at, why = matter.at, ruling.reason
    elif ruling.until is None:
        why = ruling.reason if ruling.effect is Effect.DROP else f"{case.way}, but it is {ruling.reason}"
    who = case.contact
    via, reason = next(iter(case.via), None), "" if ruling.effect is Effect.SEND else ruling.reason
    return Explained(matter.purpose, who.contact_id, who.name, case.medium, ruling.stage, told_at, why, via, reason)


MESSAGES: Final = f"""
select n.contact_id, c.name, n.medium, n.status, case when n.status in {TAKEN} then n.sent_at end,
       concat_ws(', ', n.purpose || ' ' || n.status, n.held_for, n.error)
from notification n join contact c using (contact_id) where n.alarm_id = %s order by n.notification_id
"""  # noqa: S608 (words of ours)


def on_record(conn: Connection, alarm_id: int) -> list[Explained]:
    """Return the messages there are about an alarm, in their order; a summary stands at the worst of its alarms."""
    return [Explained(ON_RECORD, *row) for row in conn.execute(MESSAGES, [alarm_id])]


def chosen_level(
    rules: Iterable[ChannelRule], rule: str, station: str, level: str | None, day: date
) -> tuple[ChannelRule, Level]:
    """Return a rule at a station and one of its levels as of a day, the worst unless named. Raises NothingToExplain."""
    known = list(rules)
    named = [one for one in known if one.rule == rule]
    if not named:
        names = ", ".join(sorted({one.rule for one in known})) or "none"
        raise NothingToExplain(
            "found rule {rule}, which watches no channel; rules that do: {names}", rule=rule, names=names
        )
    there = [one for one in named if one.station == station]
    if not there:
        stations = ", ".join(sorted({one.station for one in named}))
        raise NothingToExplain(
            "rule {rule} watches nothing at {station}; it watches: {stations}",
            rule=rule, station=station or "the centre", stations=stations,
        )  # fmt: skip
    shown = levels_on(there[0].levels, day)
    levels = [one for one in shown if level in (None, one.name)]
    if not levels:
        names = ", ".join(one.name for one in shown)
        raise NothingToExplain("rule {rule} has no level {level}; it has {names}", rule=rule, level=level, names=names)
    return there[0], levels[-1]
