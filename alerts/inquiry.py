"""Answers who is told of an alarm, on record or imagined, when and why, by the service's own rulings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from alerts import desk
from alerts.alarm.change import Purpose, Subject
from alerts.alarm.suppression import withheld_by
from alerts.rules.compiler import compile_network
from alerts.rules.composite import compile_composites
from alerts.rules.rule import ChannelRule
from alerts.telling.address_book import load_contacts
from alerts.telling.explanation import Explained, chosen_level, explain
from alerts.telling.recent_messages import RecentMessages
from alerts.telling.routes import Routing
from alerts.telling.stages import Matter
from alerts.watchdogs.own_rules import own_rules
from quantrac.config.network import Network
from quantrac.database.pool import Connection


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The alarm in question, on record or imagined."""

    rule: str
    station: str
    """Empty: the centre itself."""
    level: str | None = None
    """None: the worst."""
    channel: str | None = None
    alarm_id: int | None = None
    """None: it is imagined."""


class InquiryAnswer(NamedTuple):
    """What people would be told of, and each of them."""

    matter: Matter
    people: list[Explained]


def of_alarm(conn: Connection, alarm_id: int) -> Inquiry:
    """Return the inquiry about an alarm on record. Raises DeskRefused."""
    row = desk.alarm(conn, alarm_id)
    return Inquiry(row.rule, row.station or "", row.level, row.channel, alarm_id)


def _watching_rules(network: Network) -> list[ChannelRule]:
    """Return the rules of the files, at each place that they watch."""
    rules = [one for channel in compile_network(network).values() for one in channel]
    return rules + [one.rule for one in compile_composites(network)]


def answer_inquiry(
    conn: Connection, network: Network, about: Inquiry, now: datetime, rules: list[ChannelRule] | None = None
) -> InquiryAnswer:
    """Return who is told if the alarm rises at a time, and whom each step calls while nobody acknowledges.

    Messages about other alarms by then count, and so does what withholds the alarm. Changes nothing. `rules`: those of
    the network, where they are known. Raises NothingToExplain.
    """
    matter, watching = _matter(network, about, rules, now)
    people, routing = load_contacts(conn), Routing.of(network)
    messages = RecentMessages(conn, routing, until=now, without=about.alarm_id)
    concerned = [one.contact_id for one in people if one.groups & matter.groups]
    subject = Subject(about.rule, about.station or None, None, None if watching is None else watching.story)
    channel = about.channel or (None if watching is None else watching.channel)
    recent = messages.of_what_might_be(subject, channel, concerned, now)
    if about.alarm_id is not None:
        matter = replace(matter, withheld=withheld_by(conn, about.alarm_id, now))
    return InquiryAnswer(matter, list(explain(people, routing, matter, now, recent)))


def _matter(
    network: Network, about: Inquiry, rules: list[ChannelRule] | None, now: datetime
) -> tuple[Matter, ChannelRule | None]:
    """Return what people may be told of, and the rule there; None: it is one of the centre itself."""
    if (own := own_rules(network).get(about.rule)) is not None:
        return Matter(
            Purpose.RAISED,
            about.station or None,
            own.severity,
            frozenset(own.to),
            breaks=own.breaks_quiet_hours,
            by_day=own.by_day,
        ), None
    known = _watching_rules(network) if rules is None else rules
    day = now.astimezone(network.zone).date()
    there, chosen = chosen_level(known, about.rule, about.station, about.level, day)
    to, breaks = frozenset(chosen.to), chosen.breaks_quiet_hours
    return Matter(Purpose.RAISED, about.station, chosen.severity, to, there.parameter, breaks=breaks), there
