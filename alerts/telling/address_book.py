"""The address book of a round: contacts and station names, loaded once when first needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any, Final

from alerts.alarm.change import AFTERWARDS, Purpose
from alerts.telling.contact import Addressee, Recipient
from alerts.telling.recent_messages import MessagesSoFar, RecentMessages
from alerts.telling.routes import Routing
from alerts.telling.stages import Case, Effect, Matter, candidates, followers, outcome
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

CONTACTS: Final = """
select contact_id, name, language, case when stopped_at is null then phone_e164 end, email, groups, stations,
       webhook, apprise, tags, parameters, media, severity, quiet_from, quiet_to, wake, cap, consent, accented
from contact where active
"""
STATIONS: Final = "select station, name_vi, name_en from station"
CENTRE: Final = Words("Trung tâm điều hành", "Control centre")


class AddressBook:
    """Who may be told, and what people call stations, as of when it was first asked."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._recent: RecentMessages | None = None
        self._chosen: dict[tuple[str | None, frozenset[str]], Sequence[Addressee]] = {}

    @cached_property
    def contacts(self) -> Sequence[Addressee]:
        """Everybody who may be told."""
        return load_contacts(self._conn)

    def recent(self, routing: Routing) -> RecentMessages:
        """Return the messages that these people got lately."""
        if self._recent is None or self._recent.routing is not routing:
            self._recent = RecentMessages(self._conn, routing)
        return self._recent

    @cached_property
    def by_id(self) -> dict[int, Addressee]:
        """The same, by number."""
        return {contact.contact_id: contact for contact in self.contacts}

    @cached_property
    def _names(self) -> dict[str, Words]:
        return {station: Words(vi, en) for station, vi, en in self._conn.execute(STATIONS)}

    def station_name(self, station: str | None) -> Words:
        """Return what people call a station; None: the centre."""
        return CENTRE if station is None else self._names.get(station, Words(station, station))

    def cases(self, matter: Matter, before: MessagesSoFar, routing: Routing, now: datetime) -> Iterator[Case]:
        """Yield each message that may go: to the groups of a matter, or to those who were told of its alarm before.

        Where an alarm is withdrawn, its trouble may go on: the people of the centre are told, too, and first.
        """
        if matter.purpose not in AFTERWARDS | {Purpose.REPEATED}:
            return self._members(matter, before, routing, now)
        told = [Recipient(self.by_id[id_], medium) for id_, medium in before.told if id_ in self.by_id]
        late = self.recent(routing).of(before.story, {one.contact.contact_id for one in told}, now)
        news = followers(routing, told, matter, late, before.waiting)
        if matter.purpose is not Purpose.WITHDRAWN:
            return news
        centre = self._members(replace(matter, groups=routing.centre), before, routing, now)
        first = [case for case in centre if outcome(case).effect is not Effect.DROP]
        known = {case.recipient.key for case in first}
        return chain(first, (case for case in news if case.recipient.key not in known))

    def _members(self, matter: Matter, before: MessagesSoFar, routing: Routing, now: datetime) -> Iterator[Case]:
        people = self._concerned(matter.station, matter.groups)
        recent = self.recent(routing).of(before.story, {one.contact_id for one in people}, now)
        return candidates(routing, people, matter, recent)

    def _concerned(self, station: str | None, groups: frozenset[str]) -> Sequence[Addressee]:
        """Return the members of groups who may hear of a station."""
        key = station, groups
        if key not in self._chosen:
            self._chosen[key] = [
                one for one in self.contacts if one.groups & groups and (not one.stations or station in one.stations)
            ]
        return self._chosen[key]


def load_contacts(conn: Connection) -> list[Addressee]:
    """Return everybody who may be told."""
    return [_contact(row) for row in conn.execute(CONTACTS).fetchall()]


def _contact(row: tuple[Any, ...]) -> Addressee:
    id_, name, language, phone, email, groups, stations, webhook, apprise, *says = row
    tags, parameters, media, severity, start, end, wake, cap, consent, accented = says
    return Addressee(
        id_, name, language, phone, email, frozenset(groups), frozenset(stations), webhook, apprise, frozenset(tags),
        frozenset(parameters), frozenset(media), severity and Severity.from_word(severity),
        None if start is None or end is None else (start, end),
        wake and Severity.from_word(wake), cap, consent, accented,
    )  # fmt: skip
