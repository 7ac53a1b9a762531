"""Rows of `review`: what every act of a person does alike.

Each act is one row of `review` and one of `audit`, may be withdrawn, and ends in the change feed: roll-ups and all
others who follow it see it as they see late data. It holds for the readings that are there, not for later ones.
One act is done at a time; whoever says which version of the stretch they have seen is refused when it has moved on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import psycopg

from quantrac.database import audit
from quantrac.database.feed import Cause, NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.desks.acts import Act, BadReview, ReviewedReadings, act_of, acts_there, channels_of, version_of
from quantrac.desks.stages import refuse_signed
from quantrac.telemetry.errors import TranslatableError

MOST_READINGS: Final = 600_000
"""Of one act: a year of one-minute readings."""
NOTHING: Final = dict.fromkeys(
    (
        "flag", "value", "factor", "added", "drift", "drift_from", "drift_to", "approved_by", "approved_at", "part_of",
        "import_id",
    )
)  # fmt: skip
"""What an act leaves empty where it does not say otherwise."""

CHANNEL: Final = "select channel_id, station, derived, device from channel where channel = %s"
ONE_AT_A_TIME: Final = "lock table review in share row exclusive mode"
SPAN: Final = """
select min(time), max(time), count(*) from (
  select time from reading
  where channel_id = %(channel_id)s and time > %(after)s and time <= %(until)s
    and (value is not null or not %(from_raw)s) limit %(most)s) r
"""
OPEN: Final = """
insert into review (channel_id, kind, from_t, to_t, readings, flag, value, factor, added, drift, drift_from, drift_to,
                    person, reason, at, approved_by, approved_at, device, part_of, import_id)
values (%(channel_id)s, %(kind)s, %(from_t)s, %(to_t)s, %(readings)s, %(flag)s, %(value)s, %(factor)s, %(added)s,
        %(drift)s, %(drift_from)s, %(drift_to)s, %(person)s, %(reason)s, %(now)s, %(approved_by)s, %(approved_at)s,
        %(device)s, %(part_of)s, %(import_id)s)
returning review_id
"""
DAYS: Final = """
select min(time), max(time), count(*)::int4 from reading
where channel_id = %s and time between %s and %s group by date_bin('1 day', time, '1970-01-01Z') order by 1
"""
LOCK: Final = """
with asked as (select coalesce(part_of, review_id) as first from review where review_id = %s)
select v.review_id, v.channel_id from review v cross join asked a
where v.review_id = a.first or v.part_of = a.first order by v.review_id for update of v
"""
"""Of an act on a whole device all reviews, the first one first."""


class NotPossible(TranslatableError):
    """The act cannot be done as things stand; the text says what to do first."""


@contextmanager
def transaction(conn: Connection) -> Iterator[None]:
    """One that sees the readings as they were at its beginning, and no review done meanwhile: they wait for each other.

    The lock comes first: what the transaction sees is fixed by its first look, after the wait.
    """
    try:
        with conn.transaction():
            conn.execute("set transaction isolation level repeatable read")
            conn.execute(ONE_AT_A_TIME)
            yield
    except psycopg.errors.NumericValueOutOfRange as error:
        raise BadReview("the corrected values would be too large to be kept") from error


def asked_of(
    conn: Connection,
    stretch: ReviewedReadings,
    person: str,
    reason: str,
    now: datetime,
    seen: int | None,
    *,
    whole_device: bool = False,
) -> dict[str, Any]:
    """Return the parameters that all statements share; raises BadReview, NotPossible."""
    if not reason.strip():
        raise BadReview("a review needs a reason")
    channel = known_channel(conn, stretch.channel)
    if whole_device and channel["device"] is None:
        raise BadReview("found channel {channel}, which belongs to no device", channel=stretch.channel)
    if seen is not None:
        _refuse_overtaken(conn, stretch, seen, whole_device=whole_device)
    device = channel["device"] if whole_device else None
    return {**channel, "device": device, "person": person, "reason": reason, "now": now}


def known_channel(conn: Connection, name: str) -> dict[str, Any]:
    """Return the channel whose readings are reviewed. Raises BadReview for an unknown or a derived one."""
    found = conn.execute(CHANNEL, [name]).fetchone()
    if found is None:
        raise BadReview("found channel {channel}, which is not known: see v_channel", channel=name)
    if found[2]:
        raise BadReview(
            "found channel {channel}, which is derived: review the readings that it is made of", channel=name
        )
    return {"channel": name, "channel_id": found[0], "device": found[3]}


def parts_of(conn: Connection, stretch: ReviewedReadings, *, whole_device: bool) -> list[ReviewedReadings]:
    """Return the stretch on its channel, and on all others of the device where that is meant."""
    channels = channels_of(conn, stretch.channel, whole_device=whole_device)
    return [stretch._replace(channel=channel) for channel in channels]


def _refuse_overtaken(conn: Connection, stretch: ReviewedReadings, seen: int, *, whole_device: bool) -> None:
    there = acts_there(conn, stretch, whole_device=whole_device)
    if version_of(there) != seen:
        at, by = max((touch for act in there for touch in act.touches), default=(stretch.until, ""))
        raise NotPossible(
            "{by} has reviewed some of these readings at {at}, after you looked: see what stands, then decide",
            by=by, at=at,
        )  # fmt: skip


def span_of(conn: Connection, channel_id: int, stretch: ReviewedReadings, *, from_raw: bool) -> dict[str, Any]:
    """Return first and last reading and their number; raises BadReview for a stretch without readings."""
    asked = {**stretch._asdict(), "channel_id": channel_id, "from_raw": from_raw, "most": MOST_READINGS + 1}
    span = conn.execute(SPAN, asked).fetchone()
    assert span is not None
    from_t, to_t, readings = span
    if not readings:
        raise BadReview(
            "{channel} has no readings there: {after} < time <= {until}",
            channel=stretch.channel, after=stretch.after, until=stretch.until,
        )  # fmt: skip
    check_number(readings)
    return {"from_t": from_t, "to_t": to_t, "readings": readings, "from_raw": from_raw}


def check_number(readings: int) -> None:
    """Raise BadReview for more readings than one act may be about."""
    if readings > MOST_READINGS:
        raise BadReview(
            "found more than {most} readings there: review them in shorter stretches", most=f"{MOST_READINGS:,}"
        )


def open_review(conn: Connection, review: Mapping[str, Any]) -> int:
    """Write the row of an act on one channel; return its number."""
    row = conn.execute(OPEN, {**NOTHING, **review}).fetchone()
    assert row is not None
    return int(row[0])


def open_each(conn: Connection, parts: Iterable[Mapping[str, Any]], statement: str) -> list[int]:
    """Open the reviews of one act, the first of which leads, and do to each its readings what a statement says."""
    numbers: list[int] = []
    for part in parts:
        leader = numbers[0] if numbers else None
        numbers.append(open_review(conn, {**part, "part_of": leader}))
        conn.execute(statement, {**part, "review_id": numbers[-1]})
    return numbers


def locked(
    conn: Connection, review_id: int, person: str, reason: str | None, now: datetime
) -> tuple[Act, list[dict[str, Any]]]:
    """Return an act, and the keys of its reviews: of a whole device one a channel."""
    locked = conn.execute(LOCK, [review_id]).fetchall()
    shared = {"person": person, "reason": reason, "now": now}
    parts = [
        {**shared, "review_id": number, "channel_id": channel_id, "from_t": part.from_t, "to_t": part.to_t}
        for number, channel_id in locked
        for part in (act_of(conn, number),)
    ]
    return act_of(conn, review_id), parts


def record(
    conn: Connection,
    reviews: Sequence[int],
    person: str,
    action: str,
    reason: str | None,
    now: datetime,
    cause: Cause | None,
) -> Act:
    """Audit the act once and tell the feed of it, a change a day of readings; return the first; raises DaySigned."""
    found = [act_of(conn, number) for number in reviews]
    first = found[0]
    detail: dict[str, Any] = {
        "readings": sum(one.readings for one in found),
        "from": min(one.from_t for one in found).isoformat(),
        "to": max(one.to_t for one in found).isoformat(),
    }
    if first.device is not None:
        detail |= {"device": first.device, "channels": [one.channel for one in found]}
    audit.record(conn, now, person, action, f"review {first.review_id} of {first.channel}", reason, detail)
    for one in found if cause is not None else ():
        assert cause is not None
        channel_id = known_channel(conn, one.channel)["channel_id"]
        refuse_signed(conn, channel_id, one.from_t, one.to_t)
        days = conn.execute(DAYS, [channel_id, one.from_t, one.to_t]).fetchall()
        changes = [NewChange(one.station, channel_id, begin, end, count, cause) for begin, end, count in days]
        append_changes(conn, changes)
    return first
