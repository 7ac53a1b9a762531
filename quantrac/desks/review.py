"""The desk of reviews: people's verdicts, which stand above every test, and corrections beside the raw value.

Each act is one row of `review` and one of `audit`, may be withdrawn, and ends in the change feed: roll-ups and all
others who follow it see it as they see late data. It holds for the readings that are there, not for later ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import psycopg

from quantrac.database import audit
from quantrac.database.feed import Cause, NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.desks.acts import Act, BadReview, act_of
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.quality import Quality

MOST_READINGS: Final = 600_000
"""Of one act: a year of one-minute readings."""
VERDICTS: Final[Mapping[str, Quality]] = {"good": Quality.GOOD, "suspect": Quality.SUSPECT, "fail": Quality.FAIL}

CHANNEL: Final = "select channel_id, station, derived from channel where channel = %s"
SPAN: Final = """
select min(time), max(time), count(*) from (
  select time from v_reading
  where channel = %(channel)s and time > %(after)s and time <= %(until)s
    and (raw_value is not null or not %(from_raw)s) limit %(most)s) r
"""
OPEN: Final = """
insert into review (channel_id, kind, from_t, to_t, readings, flag, value, factor, added, person, reason, at,
                    approved_by, approved_at)
values (%(channel_id)s, %(kind)s, %(from_t)s, %(to_t)s, %(readings)s, %(flag)s, %(value)s, %(factor)s, %(added)s,
        %(person)s, %(reason)s, %(now)s, %(approved_by)s, %(approved_at)s)
returning review_id
"""
FLAG: Final = """
insert into reading_flag (channel_id, time, test, flag, "by", reason, at, review_id)
select %(channel_id)s, time, null, %(flag)s, %(person)s, %(reason)s, %(now)s, %(review_id)s
from v_reading where channel = %(channel)s and time between %(from_t)s and %(to_t)s
"""
CORRECT: Final = """
insert into correction (channel_id, time, value, "by", reason, at, approved_by, approved_at, review_id)
select %(channel_id)s, time, coalesce(%(value)s::float8, raw_value * %(factor)s::float8 + %(added)s::float8),
       %(person)s, %(reason)s, %(now)s, %(approved_by)s, %(approved_at)s, %(review_id)s
from v_reading where channel = %(channel)s and time between %(from_t)s and %(to_t)s
  and (raw_value is not null or not %(from_raw)s)
"""
IN_FORCE: Final = """
select array_agg(distinct coalesce(review_id, 0)) from correction
where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s and approved_at is not null
  and revoked_at is null
"""
DAYS: Final = """
select min(time), max(time), count(*)::int4 from v_reading
where channel = %s and time between %s and %s group by date_bin('1 day', time, '1970-01-01Z') order by 1
"""
# Where the withdrawn verdict was the newest, the newest of those that were never withdrawn stands again, or none.
UNFLAG: Final = """
insert into reading_flag (channel_id, time, test, flag, "by", reason, at, review_id)
select %(channel_id)s, newest.time, null, earlier.flag, %(person)s, %(reason)s, %(now)s,
       coalesce(earlier.review_id, %(review_id)s)
from (select distinct on (time) time, review_id from reading_flag
      where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s and test is null
      order by time, flag_id desc) newest
left join lateral (
  select g.flag, g.review_id from reading_flag g left join review v using (review_id)
  where g.channel_id = %(channel_id)s and g.time = newest.time and g.test is null and g.flag is not null
    and g.review_id is distinct from %(review_id)s and v.withdrawn_at is null
  order by g.flag_id desc limit 1) earlier on true
where newest.review_id = %(review_id)s
"""
REVOKE: Final = """
update correction set revoked_by = %(person)s, revoked_reason = %(reason)s, revoked_at = %(now)s
where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s and review_id = %(review_id)s
"""
WITHDRAW: Final = """
update review set withdrawn_by = %(person)s, withdrawn_reason = %(reason)s, withdrawn_at = %(now)s
where review_id = %(review_id)s
"""
APPROVE: Final = """
update correction set approved_by = %(person)s, approved_at = %(now)s
where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s and review_id = %(review_id)s
"""
APPROVED: Final = "update review set approved_by = %(person)s, approved_at = %(now)s where review_id = %(review_id)s"
LOCK: Final = "select channel_id from review where review_id = %s for update"


class NotPossible(QuantracError):
    """The act cannot be done as things stand; the text says what to do first."""


class ReviewedReadings(NamedTuple):
    """Readings of one channel: after < time <= until."""

    channel: str
    after: datetime
    until: datetime

    @classmethod
    def at(cls, channel: str, time: datetime) -> ReviewedReadings:
        """Return the stretch that holds the reading of this time alone."""
        return cls(channel, time - timedelta(microseconds=1), time)


class CorrectionFormula(NamedTuple):
    """How a corrected value is made: `value` itself, or raw * factor + added."""

    value: float | None = None
    factor: float = 1.0
    added: float = 0.0


def flag(conn: Connection, stretch: ReviewedReadings, verdict: Quality, person: str, reason: str, now: datetime) -> Act:
    """Give readings a verdict that stands above every test. Raises BadReview."""
    with _transaction(conn):
        asked = _asked(conn, stretch, person, reason, now, from_raw=False)
        review = {**asked, **_NO_FORMULA, "kind": "flag", "flag": int(verdict)}
        review_id = _open(conn, review | {"approved_by": person, "approved_at": now})
        conn.execute(FLAG, {**review, "review_id": review_id})
        return _done(conn, review_id, person, "flag", reason, now, Cause.FLAG)


def correct(
    conn: Connection,
    stretch: ReviewedReadings,
    formula: CorrectionFormula,
    person: str,
    reason: str,
    now: datetime,
    *,
    proposed: bool = False,
) -> Act:
    """Correct readings; the raw values stay. A proposal changes nothing until another person approves it.

    Raises BadReview; NotPossible where a correction of one of the readings is in force already.
    """
    if not all(math.isfinite(part) for part in formula if part is not None):
        raise BadReview(f"found {formula}, expected finite numbers")
    by_formula = formula.value is None
    if by_formula and formula == CorrectionFormula():
        raise BadReview("a correction needs a value, a factor or something to add")
    with _transaction(conn):
        asked = _asked(conn, stretch, person, reason, now, from_raw=by_formula)
        signed = {"approved_by": None if proposed else person, "approved_at": None if proposed else now}
        made_by = formula._asdict() if by_formula else {**_NO_FORMULA, "value": formula.value}
        review = {**asked, **signed, **made_by, "kind": "correction", "flag": None}
        if not proposed:
            _refuse_second(conn, review)
        review_id = _open(conn, review)
        conn.execute(CORRECT, {**review, "review_id": review_id})
        return _done(conn, review_id, person, "correct", reason, now, None if proposed else Cause.CORRECTION)


def approve(conn: Connection, review_id: int, person: str, now: datetime) -> Act:
    """Put a proposed correction into force. Raises NoSuchReview, BadReview, NotPossible."""
    with _transaction(conn):
        act, keys = _locked(conn, review_id, person, None, now)
        if act.state != "proposed":
            raise NotPossible(f"review {review_id} is {act.state}: only a proposed one is approved")
        if act.person == person:
            raise BadReview(f"review {review_id} was proposed by {person}: another person approves it")
        _refuse_second(conn, keys)
        conn.execute(APPROVE, keys)
        conn.execute(APPROVED, keys)
        return _done(conn, review_id, person, "approve", None, now, Cause.CORRECTION)


def withdraw(conn: Connection, review_id: int, person: str, reason: str, now: datetime) -> Act:
    """Take an act back: what stood before it stands again. Raises NoSuchReview, NotPossible."""
    with _transaction(conn):
        act, keys = _locked(conn, review_id, person, reason, now)
        if act.state == "withdrawn":
            raise NotPossible(f"review {review_id} was withdrawn already (by {act.withdrawn_by})")
        conn.execute(UNFLAG if act.kind == "flag" else REVOKE, keys)
        conn.execute(WITHDRAW, keys)
        in_force = act.state == "in force"
        return _done(conn, review_id, person, "withdraw", reason, now, Cause(act.kind) if in_force else None)


_NO_FORMULA: Final = {"value": None, "factor": None, "added": None}


@contextmanager
def _transaction(conn: Connection) -> Iterator[None]:
    """One that sees the readings as they were at its beginning, from the first statement to the last."""
    try:
        with conn.transaction():
            conn.execute("set transaction isolation level repeatable read")
            yield
    except (psycopg.errors.UniqueViolation, psycopg.errors.SerializationFailure) as error:
        raise NotPossible("somebody else reviews the same readings just now: look again, then repeat") from error


def _asked(
    conn: Connection, stretch: ReviewedReadings, person: str, reason: str, now: datetime, *, from_raw: bool
) -> dict[str, Any]:
    """Return the parameters of the statements above; raises BadReview where there is nothing to say anything of."""
    if not reason.strip():
        raise BadReview("a review needs a reason")
    channel = conn.execute(CHANNEL, [stretch.channel]).fetchone()
    if channel is None:
        raise BadReview(f"found channel {stretch.channel}, which is not known: see v_channel")
    if channel[2]:
        raise BadReview(f"found channel {stretch.channel}, which is derived: review the readings that it is made of")
    span = conn.execute(SPAN, {**stretch._asdict(), "from_raw": from_raw, "most": MOST_READINGS + 1}).fetchone()
    assert span is not None
    from_t, to_t, readings = span
    if not readings:
        raise BadReview(f"{stretch.channel} has no readings there: {stretch.after} < time <= {stretch.until}")
    if readings > MOST_READINGS:
        raise BadReview(f"found more than {MOST_READINGS:,} readings there: review them in shorter stretches")
    return {
        "channel": stretch.channel, "channel_id": channel[0], "from_t": from_t, "to_t": to_t, "readings": readings,
        "from_raw": from_raw, "person": person, "reason": reason, "now": now,
    }  # fmt: skip


def _locked(
    conn: Connection, review_id: int, person: str, reason: str | None, now: datetime
) -> tuple[Act, dict[str, Any]]:
    locked = conn.execute(LOCK, [review_id]).fetchone()
    act = act_of(conn, review_id)
    assert locked is not None
    return act, {
        "channel_id": locked[0], "from_t": act.from_t, "to_t": act.to_t, "review_id": review_id, "person": person,
        "reason": reason, "now": now,
    }  # fmt: skip


def _open(conn: Connection, review: Mapping[str, Any]) -> int:
    row = conn.execute(OPEN, review).fetchone()
    assert row is not None
    return int(row[0])


def _refuse_second(conn: Connection, keys: Mapping[str, Any]) -> None:
    found = conn.execute(IN_FORCE, keys).fetchone()
    if found is not None and found[0]:
        by = ", ".join(str(number) for number in found[0])
        raise NotPossible(f"some of these readings are corrected already, by review {by}: withdraw that first")


def _done(
    conn: Connection, review_id: int, person: str, action: str, reason: str | None, now: datetime, cause: Cause | None
) -> Act:
    """Audit the act and tell the feed of it, a change a day of readings."""
    act = act_of(conn, review_id)
    row = conn.execute(CHANNEL, [act.channel]).fetchone()
    assert row is not None
    detail = {"readings": act.readings, "from": act.from_t.isoformat(), "to": act.to_t.isoformat()}
    audit.record(conn, now, person, action, f"review {review_id} of {act.channel}", reason, detail)
    if cause is not None:
        days = conn.execute(DAYS, [act.channel, act.from_t, act.to_t]).fetchall()
        append_changes(conn, [NewChange(act.station, row[0], first, last, count, cause) for first, last, count in days])
    return act
