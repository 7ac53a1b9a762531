"""The desk of imports: which there were, and how one is undone.

Undoing says who takes it back and why, ends the verdicts that the files brought, and refuses where somebody has built
on the readings since: a signed day, a review. `ingest.importing.taking_back` then takes the readings back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ingest.derived.definitions import definitions
from quantrac.database import audit
from quantrac.database.feed import Cause, NewChange, append_changes
from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.database.time_zone import time_zone
from quantrac.desks.review_rows import ONE_AT_A_TIME
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.indices.formulas import Basis
from quantrac.telemetry.local_time import HOUR

MOST_NAMED: Final = 10

LOCK: Final = """
select station, started_at, first_t, last_t, undone_by, undone_at, gone_at from import
where import_id = %s for no key update
"""
REVIEWS: Final = """
select v.review_id, c.channel, v.person, v.import_id from review v join channel c using (channel_id)
where c.station = %(station)s and v.withdrawn_at is null and v.import_id is distinct from %(import_id)s
  and v.from_t <= %(last_t)s and v.to_t >= %(first_t)s
  and (v.kind = 'correction' and exists (
         select from reading r where r.channel_id = v.channel_id and r.time between v.from_t and v.to_t
         and r.received_at = %(started_at)s)
       or v.kind = 'flag' and exists (
         select from reading r cross join lateral (
           select f.review_id, f.flag from reading_flag f
           where f.channel_id = r.channel_id and f.time = r.time and f.test is null order by f.flag_id desc limit 1) f
         where r.channel_id = v.channel_id and r.time between v.from_t and v.to_t
           and r.received_at = %(started_at)s and f.review_id = v.review_id and f.flag is not null))
order by v.review_id limit %(most)s
"""
SIGNED: Final = """
select c.channel, s.day, coalesce(s.approved_by, s.person), count(*) over ()
from sign_off s join channel c using (channel_id)
where c.station = %(station)s and s.reopened_at is null and s.from_t < %(last_t)s and s.to_t >= %(first_t)s
  and exists (select from reading r where r.channel_id = s.channel_id and r.time > s.from_t and r.time <= s.to_t
              and r.received_at = %(started_at)s)
order by s.day, c.channel limit %(most)s
"""
# A value that is made of the hours before reaches into the evening before its day, which nobody may have signed.
SIGNED_DERIVED: Final = """
select distinct v.channel, v.day, count(*) over ()
from (select channel_id, reach, array_agg(source) as sources
      from unnest(%(derived)s::int4[], %(sources)s::int4[], %(reach)s::interval[]) as u(channel_id, source, reach)
      group by channel_id, reach) d
join channel c using (channel_id) join v_stage v on v.channel = c.channel and v.stage = 'reviewed'
  and v.time < %(last_t)s + d.reach and v.time >= %(first_t)s - interval '2 days'
where exists (
  select from reading r where r.channel_id = any(d.sources) and r.received_at = %(started_at)s
    and r.time > v.time - d.reach and r.time <= (v.day + 1)::timestamp at time zone %(zone)s)
order by v.day, v.channel limit %(most)s
"""
# As a review that is withdrawn: the newest verdict that is not of this import holds again, or none.
END_VERDICTS: Final = """
with ended as (
  insert into reading_flag (channel_id, time, test, flag, "by", reason, at, review_id)
  select n.channel_id, n.time, null, earlier.flag, %(person)s, %(reason)s, %(now)s,
         coalesce(earlier.review_id, n.review_id)
  from (select distinct on (g.channel_id, g.time) g.channel_id, g.time, g.review_id
        from review v join reading_flag g on g.channel_id = v.channel_id and g.time between v.from_t and v.to_t
        where v.import_id = %(import_id)s and v.withdrawn_at is null and g.test is null
        order by g.channel_id, g.time, g.flag_id desc) n
  join review own on own.review_id = n.review_id and own.import_id = %(import_id)s
  left join lateral (
    select g.flag, g.review_id from reading_flag g left join review v using (review_id)
    where g.channel_id = n.channel_id and g.time = n.time and g.test is null
      and v.import_id is distinct from %(import_id)s and v.withdrawn_at is null
    order by g.flag_id desc limit 1) earlier on true
  returning channel_id, time)
select channel_id, min(time), max(time), count(*)::int4 from ended
group by channel_id, date_bin('1 day', time, '1970-01-01Z') order by 1, 2
"""
WITHDRAW: Final = """
update review set withdrawn_by = %(person)s, withdrawn_reason = %(reason)s, withdrawn_at = %(now)s
where import_id = %(import_id)s and withdrawn_at is null
"""
UNDO: Final = """
update import set undone_by = %(person)s, undone_reason = %(reason)s, undone_at = %(now)s
where import_id = %(import_id)s
"""


class NotUndone(QuantracError):
    """An import cannot be undone as things stand; the text says what to do first."""


@dataclass(frozen=True, slots=True)
class KnownImport:
    """An import."""

    import_id: int
    station: str
    state: str
    """`finished`, `not finished`, `being undone` or `undone`."""
    format: str
    source: str
    person: str
    started_at: datetime
    readings: int
    """Added by it."""
    first_t: datetime | None
    last_t: datetime | None
    undone_by: str | None
    undone_at: datetime | None
    undone_reason: str | None
    withdrawn: int
    """Readings that were taken back."""


IMPORTS: Final = f"""
select {columns_of(KnownImport)} from v_import
where %(station)s::text is null or station = %(station)s order by import_id
"""  # noqa: S608  # our own field names


@dataclass(frozen=True, slots=True)
class BegunUndo:
    """An import that brings nothing more, whose readings are now to be taken back."""

    station: str
    verdicts: int
    """Readings whose verdict from the files ended."""
    was_begun: bool
    """It was undone before, and not all of its readings were taken back."""


def known_imports(conn: Connection, station: str | None) -> list[KnownImport]:
    """Return the imports of a station, or of all, the oldest first."""
    return rows_of(conn, KnownImport, IMPORTS, {"station": station})


def begin_undo(conn: Connection, import_id: int, person: str, reason: str, now: datetime) -> BegunUndo:
    """Undo an import: it brings nothing more, and the verdicts of its files end.

    Raises NotUndone where it is not known, was undone, or where a review or a signature stands on its readings.
    """
    if not reason.strip():
        raise NotUndone("undoing an import needs a reason")
    with conn.transaction():
        conn.execute(ONE_AT_A_TIME)
        row = conn.execute(LOCK, [import_id]).fetchone()
        if row is None:
            raise NotUndone(f"found no import {import_id}: quantrac import list")
        station, started_at, first_t, last_t, undone_by, undone_at, gone_at = row
        if undone_at is not None:
            if gone_at is None:
                return BegunUndo(station, 0, was_begun=True)
            raise NotUndone(f"import {import_id} was undone already, by {undone_by}, {undone_at:%Y-%m-%d %H:%M:%SZ}")
        asked = {
            "import_id": import_id, "station": station, "started_at": started_at, "first_t": first_t, "last_t": last_t,
            "person": person, "reason": reason, "now": now, "most": MOST_NAMED,
        }  # fmt: skip
        _refuse_built_on(conn, asked)
        ended = conn.execute(END_VERDICTS, asked).fetchall()
        conn.execute(WITHDRAW, asked)
        conn.execute(UNDO, asked)
        verdicts = sum(row[3] for row in ended)
        detail = {"import": import_id, "verdicts": verdicts}
        audit.record(conn, now, person, "undo import", f"station {station}", reason, detail)
        news = [NewChange(station, number, low, high, count, Cause.FLAG) for number, low, high, count in ended]
        append_changes(conn, news)
    return BegunUndo(station, verdicts, was_begun=False)


MEASURED: Final = "select channel_id from channel where station = %s and not derived"
REOPEN_FIRST: Final = "reopen first, with a reason: quantrac stages reopen"


def _named(days: list[str], count: int) -> str:
    more = f" and {count - len(days)} more" if count > len(days) else ""
    return f"{count} day{'s' if count > 1 else ''}, {', '.join(days)}{more}"


def _derived_of(conn: Connection, station: str) -> dict[str, Any]:
    """Return what is made of a station's channels: with each measured source, and how far before a day it reaches."""
    own = {row[0] for row in conn.execute(MEASURED, [station])}
    reach = dict.fromkeys(own, timedelta(0))
    sources: dict[int, set[int]] = {channel_id: {channel_id} for channel_id in own}
    for each in (one for layer in definitions(conn) for one in layer):
        if inputs := reach.keys() & each.inputs.values():
            looks_back = each.formula.basis in (Basis.HOUR, Basis.HOURS)
            hours = (each.formula.hours - 1) * HOUR if looks_back else timedelta(0)
            reach[each.channel_id] = hours + max(reach[one] for one in inputs)
            sources[each.channel_id] = set().union(*(sources[one] for one in inputs))
    pairs = [(made, one) for made in reach.keys() - own for one in sources[made]]
    return {
        "derived": [made for made, _ in pairs], "sources": [one for _, one in pairs],
        "reach": [reach[made] for made, _ in pairs], "zone": time_zone(conn).key,
    }  # fmt: skip


def _refuse_built_on(conn: Connection, asked: dict[str, Any]) -> None:
    """Raise where people have signed or reviewed readings of the import: what they said is theirs to take back."""
    stays = f"import {asked['import_id']} stays: somebody signed"
    signed = conn.execute(SIGNED, asked).fetchall()
    if signed:
        named = [f"{day:%d/%m/%Y} of {channel} (by {by})" for channel, day, by, _ in signed]
        raise NotUndone(f"{stays} {_named(named, signed[0][3])} with readings of it: {REOPEN_FIRST}")
    made = conn.execute(SIGNED_DERIVED, asked | _derived_of(conn, asked["station"])).fetchall()
    if made:
        named = [f"{day:%d/%m/%Y} of {channel}" for channel, day, _ in made]
        raise NotUndone(
            f"{stays} all that these derived days are made of, and readings of it reach into them: "
            f"{_named(named, made[0][2])}: {REOPEN_FIRST}"
        )
    reviews = conn.execute(REVIEWS, asked).fetchall()
    if reviews:
        those = ", ".join(
            f"{review_id} ({channel}, {person}{f', import {other}' if other is not None else ''})"
            for review_id, channel, person, other in reviews
        )
        raise NotUndone(
            f"import {asked['import_id']} stays: these reviews hold for readings of it: {those}: withdraw them first, "
            "quantrac review withdraw, or undo the import that brought them"
        )
