"""The search for people who get messages: by words, group, station and state, a page at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from alerts.alarm_search import plain
from alerts.telling.notification import LOST
from quantrac.database.pool import Connection

MOST_WORDS: Final = 6
PLAIN_NAME: Final = r"lower(translate(regexp_replace(normalize(c.name, nfd), '[\u0300-\u036f]', '', 'g'), 'Đđ', 'dd'))"
"""The name as `alerts.alarm_search.plain` writes words: without case and diacritics, whatever the server's locale."""
LAST: Final = """
left join lateral (
  select n.status, n.queued_at, n.medium from notification n where n.contact_id = c.contact_id
  order by n.queued_at desc, n.notification_id desc limit 1) l on true
"""
STATES: Final = {
    "told": "c.active and c.consent is distinct from 'refused'",
    "consent": "c.active and c.consent is null",
    "refused": "c.active and c.consent = 'refused'",
    "stopped": "c.active and c.stopped_at is not null",
    "failed": f"c.active and l.status in {LOST}",
    "removed": "not c.active and c.erased_at is null",
}
"""What may be asked for as state, with its condition: `consent` is not recorded, of `failed` the last message was."""


@dataclass(frozen=True, slots=True)
class ContactQuery:
    """Which contacts are looked for; None: whichever."""

    text: str = ""
    """Words of the name, with or without diacritics, of a mail address, digits of a number; all must be found."""
    group: str | None = None
    station: str | None = None
    """Who is told of alarms of this station, also because they are told of all."""
    state: str | None = None
    """A key of STATES; None: all who were not removed."""


@dataclass(frozen=True, slots=True)
class ContactLine:
    """One contact of a list."""

    contact_id: int
    name: str
    phone: str | None
    email: str | None
    others: int
    """Addresses of programs and services."""
    groups: list[str]
    stations: list[str]
    consent: str | None
    consent_on: date | None
    stopped_at: datetime | None
    active: bool
    last_status: str | None
    """Of the last message to them; None: there was none."""
    last_at: datetime | None
    last_medium: str | None


PAGE: Final = """
select c.contact_id, c.name, c.phone_e164, c.email, num_nonnulls(c.webhook, c.apprise), c.groups, c.stations,
       c.consent, c.consent_on, c.stopped_at, c.active, l.status, l.queued_at, l.medium, p.total
from (select c.contact_id, {name} as plain_name, count(*) over () as total from contact c {joined}
      where {conditions} order by plain_name, c.contact_id limit %(most)s offset %(offset)s) p
join contact c using (contact_id) {last} order by p.plain_name, c.contact_id
"""


class ContactPage(NamedTuple):
    """Some of the contacts that were looked for."""

    rows: list[ContactLine]
    total: int
    """How many there are in all; 0 also behind the last page."""


def contact_page(conn: Connection, query: ContactQuery, most: int, offset: int = 0) -> ContactPage:
    """Return contacts by name."""
    conditions, values = ["c.active" if query.state is None else STATES[query.state]], dict[str, Any]()
    if query.group is not None:
        conditions.append("c.groups @> array[%(group)s::text]")
        values["group"] = query.group
    if query.station is not None:
        conditions.append("(c.stations = '{}' or c.stations @> array[%(station)s::text])")
        values["station"] = query.station
    for n, word in enumerate(query.text.split()[:MOST_WORDS]):
        digits = re.sub(r"\D", "", word)
        sought = {"name": plain(word), "mail": word.lower(), "digits": digits.lstrip("0")}
        found = [f"strpos({PLAIN_NAME}, %(name{n})s) > 0", f"strpos(lower(c.email), %(mail{n})s) > 0"]
        if len(sought["digits"]) >= 3 and re.fullmatch(r"[\d+().-]+", word):
            found.append(f"strpos(c.phone_e164, %(digits{n})s) > 0")
        conditions.append(f"({' or '.join(found)})")
        values |= {f"{kind}{n}": text for kind, text in sought.items()}
    sql = PAGE.format(
        name=PLAIN_NAME, joined=LAST if query.state == "failed" else "", conditions=" and ".join(conditions), last=LAST
    )
    rows = conn.execute(sql, {**values, "most": most, "offset": offset}).fetchall()
    return ContactPage([ContactLine(*row[:-1]) for row in rows], rows[0][-1] if rows else 0)


GROUPS: Final = """
select g, count(*), count(*) filter (where consent = 'refused' or stopped_at is not null and email is null)
from contact, unnest(groups) g where active group by g order by g
"""
COUNTS: Final = "select {counts} from contact c {last}"


def group_sizes(conn: Connection) -> dict[str, tuple[int, int]]:
    """Return the groups that have members: how many, and how many of them get no messages."""
    return {group: (count, silent) for group, count, silent in conn.execute(GROUPS)}


def state_sizes(conn: Connection) -> dict[str, int]:
    """Return how many contacts are in each of STATES."""
    counts = ", ".join(f"count(*) filter (where {condition})" for condition in STATES.values())
    row = conn.execute(COUNTS.format(counts=counts, last=LAST)).fetchone()
    assert row is not None
    return dict(zip(STATES, row, strict=True))


MEMBERS: Final = """
select contact_id, name from contact where active and groups && %s::text[] order by name, contact_id limit %s
"""


def members(conn: Connection, groups: list[str], most: int) -> list[tuple[int, str]]:
    """Return members of some groups, at most so many: number and name."""
    return [(number, name) for number, name in conn.execute(MEMBERS, [groups, most])]


def listed(conn: Connection) -> list[dict[str, Any]]:
    """Return the active contacts with their addresses masked."""
    rows = conn.execute(
        """
        select contact_id, name, masked(phone_e164), masked(email), language, groups, stations,
               masked_address(webhook), masked_address(apprise), tags, parameters, media, severity,
               to_char(quiet_from, 'HH24:MI') || '-' || to_char(quiet_to, 'HH24:MI'), wake, cap,
               case when stopped_at is not null then 'stopped' else consent end, accented
        from contact where active order by contact_id
        """
    )
    names = (
        "contact_id", "name", "phone", "email", "language", "groups", "stations", "webhook", "apprise", "tags",
        "parameters", "media", "severity", "quiet", "wake", "cap", "consent", "accents",
    )  # fmt: skip
    return [dict(zip(names, row, strict=True)) for row in rows]
