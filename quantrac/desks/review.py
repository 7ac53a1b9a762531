"""The desk of reviews: people's verdicts, which stand above every test, and corrections beside the raw value.

Each act is one row of `review` and one of `audit`, may be withdrawn, and ends in the change feed: roll-ups and all
others who follow it see it as they see late data. It holds for the readings that are there, not for later ones.
One act is done at a time; whoever says which version of the stretch they have seen is refused when it has moved on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

import psycopg

from quantrac.database import audit
from quantrac.database.feed import Cause, NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.desks.acts import (
    Act,
    BadReview,
    ReviewedReadings,
    act_of,
    acts_there,
    channels_of,
    readings_there,
    version_of,
)
from quantrac.desks.stages import refuse_signed
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.quality import Quality

MOST_READINGS: Final = 600_000
"""Of one act: a year of one-minute readings."""
VERDICTS: Final[Mapping[str, Quality]] = {"good": Quality.GOOD, "suspect": Quality.SUSPECT, "fail": Quality.FAIL}

CHANNEL: Final = "select channel_id, station, derived, device from channel where channel = %s"
ONE_AT_A_TIME: Final = "lock table review in share row exclusive mode"
SPAN: Final = """
select min(time), max(time), count(*) from (
  select time from reading
  where channel_id = %(channel_id)s and time > %(after)s and time <= %(until)s
    and (value is not null or not %(from_raw)s) limit %(most)s) r
"""
VERDICTS_STAND: Final = """
select min(time), max(time), count(*) from (
  select distinct on (time) time, flag from v_flag
  where channel = %(channel)s and time > %(after)s and time <= %(until)s and test is null
  order by time, flag_id desc) newest
where flag is not null
"""
OPEN: Final = """
insert into review (channel_id, kind, from_t, to_t, readings, flag, value, factor, added, drift, drift_from, drift_to,
                    person, reason, at, approved_by, approved_at, device, part_of, import_id)
values (%(channel_id)s, %(kind)s, %(from_t)s, %(to_t)s, %(readings)s, %(flag)s, %(value)s, %(factor)s, %(added)s,
        %(drift)s, %(drift_from)s, %(drift_to)s, %(person)s, %(reason)s, %(now)s, %(approved_by)s, %(approved_at)s,
        %(device)s, %(part_of)s, %(import_id)s)
returning review_id
"""
FLAG: Final = """
insert into reading_flag (channel_id, time, test, flag, "by", reason, at, review_id)
select %(channel_id)s, time, null, %(flag)s, %(person)s, %(reason)s, %(now)s, %(review_id)s
from reading where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s
"""
UNFLAG: Final = """
insert into reading_flag (channel_id, time, test, flag, "by", reason, at, review_id)
select %(channel_id)s, time, null, null, %(person)s, %(reason)s, %(now)s, %(review_id)s
from (select distinct on (time) time, flag from reading_flag
      where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s and test is null
      order by time, flag_id desc) newest
where flag is not null
"""
CORRECT: Final = """
insert into correction (channel_id, time, value, "by", reason, at, approved_by, approved_at, review_id)
select %(channel_id)s, time,
       coalesce(%(value)s::float8, value * %(factor)s::float8 + %(added)s::float8 + coalesce(
         %(drift)s::float8 * extract(epoch from time - %(drift_from)s)::float8
                           / extract(epoch from %(drift_to)s - %(drift_from)s)::float8, 0)),
       %(person)s, %(reason)s, %(now)s, %(approved_by)s, %(approved_at)s, %(review_id)s
from reading where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s
  and (value is not null or not %(from_raw)s)
"""
IN_FORCE: Final = """
select array_agg(distinct coalesce(review_id, 0)) from correction
where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s and approved_at is not null
  and revoked_at is null
"""
OPEN_TO_VERDICTS: Final = """
select given.n - 1 from unnest(%(times)s::timestamptz[]) with ordinality given (time, n)
join reading r on r.channel_id = %(channel_id)s and r.time = given.time and r.time between %(first)s and %(last)s
left join lateral (
  select g.flag from reading_flag g
  where g.channel_id = %(channel_id)s and g.time = given.time and g.test is null order by g.flag_id desc limit 1
) v on true
where r.value is not null and v.flag is null
"""
FLAG_EACH: Final = """
insert into reading_flag (channel_id, time, test, flag, "by", reason, at, review_id)
select %(channel_id)s, given.time, null, given.flag, %(person)s, v.reason, %(now)s, given.review_id
from unnest(%(times)s::timestamptz[], %(flags)s::int2[], %(reviews)s::bigint[]) given (time, flag, review_id)
join review v using (review_id)
"""
DAYS: Final = """
select min(time), max(time), count(*)::int4 from reading
where channel_id = %s and time between %s and %s group by date_bin('1 day', time, '1970-01-01Z') order by 1
"""
# Where the withdrawn act was the newest, the newest of those that were never withdrawn holds again, or none.
RESTORE: Final = """
insert into reading_flag (channel_id, time, test, flag, "by", reason, at, review_id)
select %(channel_id)s, newest.time, null, earlier.flag, %(person)s, %(reason)s, %(now)s,
       coalesce(earlier.review_id, %(review_id)s)
from (select distinct on (time) time, review_id from reading_flag
      where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s and test is null
      order by time, flag_id desc) newest
left join lateral (
  select g.flag, g.review_id from reading_flag g left join review v using (review_id)
  where g.channel_id = %(channel_id)s and g.time = newest.time and g.test is null
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
LOCK: Final = """
with asked as (select coalesce(part_of, review_id) as first from review where review_id = %s)
select v.review_id, v.channel_id from review v cross join asked a
where v.review_id = a.first or v.part_of = a.first order by v.review_id for update of v
"""
"""Of an act on a whole device all reviews, the first one first."""
UNDONE: Final = "select undone_by from import where import_id = %s and undone_at is not null"


class NotPossible(TranslatableError):
    """The act cannot be done as things stand; the text says what to do first."""


class CorrectionFormula(NamedTuple):
    """How a corrected value is made: `value` itself, or raw * factor + added + drift * share.

    The share grows in a line from 0 at the beginning of the stretch (the earlier calibration, after which the probe
    read right) to 1 at its end (the later one, which found it off by -drift).
    """

    value: float | None = None
    factor: float = 1.0
    added: float = 0.0
    drift: float = 0.0


def flag(
    conn: Connection,
    stretch: ReviewedReadings,
    verdict: Quality,
    person: str,
    reason: str,
    now: datetime,
    *,
    seen: int | None = None,
    whole_device: bool = False,
) -> Act:
    """Give readings a verdict that stands above every test.

    `seen`: the version of the stretch that the person has looked at, None: whatever others did. `whole_device`: those
    of all channels that the channel's device measures, in one act. Raises BadReview; NotPossible where somebody has
    touched the stretch since.
    """
    with _transaction(conn):
        asked = _asked(conn, stretch, person, reason, now, seen, whole_device=whole_device)
        made = {**asked, **_NO_FORMULA, "kind": "flag", "flag": int(verdict), "approved_by": person, "approved_at": now}
        parts: list[dict[str, Any]] = []
        for own in _parts(conn, stretch, whole_device=whole_device):
            channel_id = _channel(conn, own.channel)["channel_id"]
            if not parts or readings_there(conn, own):
                parts.append(made | {"channel_id": channel_id} | _span(conn, channel_id, own, from_raw=False))
        return _done(conn, _open_all(conn, parts, FLAG), person, "flag", reason, now, Cause.FLAG)


class ReadingVerdict(NamedTuple):
    """What a person, or experts whose word a person takes, says of one reading."""

    time: datetime
    verdict: Quality | None
    """None: nothing."""
    reason: str


def flag_each(
    conn: Connection,
    channel: str,
    verdicts: Iterable[ReadingVerdict],
    person: str,
    reason: str,
    now: datetime,
    import_id: int | None = None,
) -> Counter[Quality]:
    """Give readings of a channel a verdict each, where they have a value and nobody's verdict stands: return how many.

    Neighbours with the same verdict and reason are one act each; the audit gets one row, with `reason`. Done twice it
    changes nothing. `import_id`: of the files that they stand in. Raises BadReview; NotPossible where that import was
    undone; DaySigned where a day is signed, and then nothing is done.
    """
    with _transaction(conn):
        asked = _asked(conn, ReviewedReadings.at(channel, now), person, reason, now, None)
        asked["import_id"] = import_id
        if import_id is not None and (undone := conn.execute(UNDONE, [import_id]).fetchone()) is not None:
            raise NotPossible("import {number} was undone by {by} while it ran", number=import_id, by=undone[0])
        given = sorted({one.time: one for one in verdicts}.values())
        if not given:
            return Counter()
        times = [one.time for one in given]
        free = conn.execute(OPEN_TO_VERDICTS, {**asked, "times": times, "first": times[0], "last": times[-1]})
        acts = list(_acts_of(given, {n for (n,) in free}))
        rows: list[tuple[datetime, Quality, int]] = []
        for run in acts:
            from_t, to_t = run[0].time, run[-1].time
            refuse_signed(conn, asked["channel_id"], from_t, to_t)
            span = {"from_t": from_t, "to_t": to_t, "readings": len(run)}
            signed = {"approved_by": person, "approved_at": now, "reason": run[0].reason}
            flagged = {**_NO_FORMULA, "kind": "flag", "flag": int(run[0].verdict or 0)}
            review_id = _open(conn, {**asked, **span, **signed, **flagged})
            rows += [(one.time, one.verdict, review_id) for one in run if one.verdict is not None]
        if rows:
            _write_each(conn, asked, rows)
        return Counter(verdict for _, verdict, _ in rows)


def _acts_of(given: Sequence[ReadingVerdict], free: Collection[int]) -> Iterator[list[ReadingVerdict]]:
    """Yield neighbours of the same verdict and reason that may be judged; whatever lies between parts them."""
    marked = [(one.verdict, one.reason) if one.verdict and n in free else None for n, one in enumerate(given)]
    for mark, run in groupby(range(len(given)), key=marked.__getitem__):
        if mark is not None:
            yield [given[n] for n in run]


def _write_each(conn: Connection, asked: Mapping[str, Any], rows: Sequence[tuple[datetime, Quality, int]]) -> None:
    """Write verdicts with the reviews that they belong to, the audit and the feed, a change a day."""
    times, flags, reviews = (list(column) for column in zip(*rows, strict=True))
    conn.execute(FLAG_EACH, {**asked, "times": times, "flags": [int(flag) for flag in flags], "reviews": reviews})
    span = {"from": times[0].isoformat(), "to": times[-1].isoformat(), "reviews": [reviews[0], reviews[-1]]}
    detail = {**span, **{flag.word: count for flag, count in Counter(flags).items()}}
    detail |= {"readings": len(rows)}
    audit.record(conn, asked["now"], asked["person"], "flag", f"channel {asked['channel']}", asked["reason"], detail)
    days = [list(day) for _, day in groupby(times, key=datetime.date)]
    station = asked["channel"].partition("/")[0]
    changes = [NewChange(station, asked["channel_id"], day[0], day[-1], len(day), Cause.FLAG) for day in days]
    append_changes(conn, changes)


def unflag(
    conn: Connection,
    stretch: ReviewedReadings,
    person: str,
    reason: str,
    now: datetime,
    *,
    seen: int | None = None,
    whole_device: bool = False,
) -> Act:
    """End the verdicts of people on a stretch, whoever gave them: the tests speak again. Raises as `flag` does."""
    with _transaction(conn):
        asked = _asked(conn, stretch, person, reason, now, seen, whole_device=whole_device)
        made = {**asked, **_NO_FORMULA, "kind": "unflag", "flag": None, "approved_by": person, "approved_at": now}
        parts = []
        for own in _parts(conn, stretch, whole_device=whole_device):
            from_t, to_t, readings = conn.execute(VERDICTS_STAND, own._asdict()).fetchone() or (None, None, 0)
            if readings:
                _check_number(readings)
                span = {"from_t": from_t, "to_t": to_t, "readings": readings}
                parts.append(made | {"channel_id": _channel(conn, own.channel)["channel_id"]} | span)
        if not parts:
            raise BadReview("nobody's verdict stands on these readings of {channel}", channel=stretch.channel)
        return _done(conn, _open_all(conn, parts, UNFLAG), person, "unflag", reason, now, Cause.FLAG)


def correct(
    conn: Connection,
    stretch: ReviewedReadings,
    formula: CorrectionFormula,
    person: str,
    reason: str,
    now: datetime,
    *,
    proposed: bool = False,
    seen: int | None = None,
) -> Act:
    """Correct readings; the raw values stay. A proposal changes nothing until another person approves it.

    `seen` as in `flag`. Raises BadReview; NotPossible where a correction of one of the readings is in force already,
    or somebody has touched the stretch since.
    """
    if not all(math.isfinite(part) for part in formula if part is not None):
        raise BadReview("found a number that is not finite, expected finite ones")
    by_formula = formula.value is None
    if by_formula and formula == CorrectionFormula():
        raise BadReview("a correction needs a value, a factor, something to add, or a drift")
    with _transaction(conn):
        asked = _asked(conn, stretch, person, reason, now, seen)
        asked |= _span(conn, asked["channel_id"], stretch, from_raw=by_formula)
        signed = {"approved_by": None if proposed else person, "approved_at": None if proposed else now}
        made_by = {
            **_NO_FORMULA,
            **(formula._asdict() if by_formula else {"value": formula.value}),
            **_drift(formula, stretch),
        }
        review = {**asked, **signed, **made_by, "kind": "correction", "flag": None}
        if not proposed:
            _refuse_second(conn, review)
        review_id = _open(conn, review)
        conn.execute(CORRECT, {**review, "review_id": review_id})
        return _done(conn, [review_id], person, "correct", reason, now, None if proposed else Cause.CORRECTION)


def reject(
    conn: Connection,
    stretch: ReviewedReadings,
    refused: CorrectionFormula | None,
    person: str,
    reason: str,
    now: datetime,
    *,
    seen: int | None = None,
) -> Act:
    """Keep a person's no to a correction that was proposed, or to the flag `suspect` (`refused` None).

    It changes no reading; while it stands the same is not proposed again. Raises as `flag` does.
    """
    with _transaction(conn):
        asked = _asked(conn, stretch, person, reason, now, seen)
        asked |= _span(conn, asked["channel_id"], stretch, from_raw=False)
        made = _NO_FORMULA if refused is None else refused._asdict() | _drift(refused, stretch)
        no = {"kind": "rejection", "flag": int(Quality.SUSPECT) if refused is None else None}
        review_id = _open(conn, {**asked, **_NO_FORMULA, **made, **no, "approved_by": person, "approved_at": now})
        return _done(conn, [review_id], person, "reject", reason, now, None)


def approve(conn: Connection, review_id: int, person: str, now: datetime) -> Act:
    """Put a proposed correction into force. Raises NoSuchReview, BadReview, NotPossible."""
    with _transaction(conn):
        act, (keys, *_) = _locked(conn, review_id, person, None, now)
        if act.state != "proposed":
            raise NotPossible(
                "review {number} is {state}: only a proposed one is approved", number=review_id, state=act.state
            )
        if act.person == person:
            raise BadReview(
                "review {number} was proposed by {person}: another person approves it", number=review_id, person=person
            )
        _refuse_second(conn, keys)
        conn.execute(APPROVE, keys)
        conn.execute(APPROVED, keys)
        return _done(conn, [review_id], person, "approve", None, now, Cause.CORRECTION)


def withdraw(conn: Connection, review_id: int, person: str, reason: str, now: datetime) -> Act:
    """Take an act back, of a device the whole: what stood before stands again. Raises NoSuchReview, NotPossible."""
    with _transaction(conn):
        act, parts = _locked(conn, review_id, person, reason, now)
        if act.state == "withdrawn":
            raise NotPossible("review {number} was withdrawn already (by {by})", number=review_id, by=act.withdrawn_by)
        for keys in parts:
            conn.execute(REVOKE if act.kind == "correction" else RESTORE, keys)
            conn.execute(WITHDRAW, keys)
        cause = Cause.CORRECTION if act.kind == "correction" else Cause.FLAG
        numbers = [keys["review_id"] for keys in parts]
        is_told = act.state == "in force" and act.kind != "rejection"
        _done(conn, numbers, person, "withdraw", reason, now, cause if is_told else None)
        return act_of(conn, review_id)


_NO_FORMULA: Final = dict.fromkeys(("value", "factor", "added", "drift", "drift_from", "drift_to"))


def _drift(formula: CorrectionFormula, stretch: ReviewedReadings) -> dict[str, object]:
    """Return the columns that say between which two times the probe drifted."""
    if not formula.drift or formula.value is not None:
        return {"drift": None}
    return {"drift": formula.drift, "drift_from": stretch.after, "drift_to": stretch.until}


@contextmanager
def _transaction(conn: Connection) -> Iterator[None]:
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


def _asked(
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
    channel = _channel(conn, stretch.channel)
    if whole_device and channel["device"] is None:
        raise BadReview("found channel {channel}, which belongs to no device", channel=stretch.channel)
    if seen is not None:
        _refuse_overtaken(conn, stretch, seen, whole_device=whole_device)
    device = channel["device"] if whole_device else None
    return {
        **channel, "device": device, "part_of": None, "person": person, "reason": reason, "now": now,
        "import_id": None,
    }  # fmt: skip


def _channel(conn: Connection, name: str) -> dict[str, Any]:
    found = conn.execute(CHANNEL, [name]).fetchone()
    if found is None:
        raise BadReview("found channel {channel}, which is not known: see v_channel", channel=name)
    if found[2]:
        raise BadReview(
            "found channel {channel}, which is derived: review the readings that it is made of", channel=name
        )
    return {"channel": name, "channel_id": found[0], "device": found[3]}


def _parts(conn: Connection, stretch: ReviewedReadings, *, whole_device: bool) -> list[ReviewedReadings]:
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


def _span(conn: Connection, channel_id: int, stretch: ReviewedReadings, *, from_raw: bool) -> dict[str, Any]:
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
    _check_number(readings)
    return {"from_t": from_t, "to_t": to_t, "readings": readings, "from_raw": from_raw}


def _check_number(readings: int) -> None:
    if readings > MOST_READINGS:
        raise BadReview(
            "found more than {most} readings there: review them in shorter stretches", most=f"{MOST_READINGS:,}"
        )


def _locked(
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


def _open(conn: Connection, review: Mapping[str, Any]) -> int:
    row = conn.execute(OPEN, review).fetchone()
    assert row is not None
    return int(row[0])


def _open_all(conn: Connection, parts: Iterable[Mapping[str, Any]], statement: str) -> list[int]:
    """Open the reviews of one act, the first of which leads, and do to each its readings what a statement says."""
    numbers: list[int] = []
    for part in parts:
        leader = numbers[0] if numbers else None
        numbers.append(_open(conn, {**part, "part_of": leader}))
        conn.execute(statement, {**part, "review_id": numbers[-1]})
    return numbers


def _refuse_second(conn: Connection, keys: Mapping[str, Any]) -> None:
    found = conn.execute(IN_FORCE, keys).fetchone()
    if found is not None and found[0]:
        raise NotPossible(
            "some of these readings are corrected already, by review {by}: withdraw that first",
            by=", ".join(map(str, found[0])),
        )


def _done(
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
        channel_id = _channel(conn, one.channel)["channel_id"]
        refuse_signed(conn, channel_id, one.from_t, one.to_t)
        days = conn.execute(DAYS, [channel_id, one.from_t, one.to_t]).fetchall()
        changes = [NewChange(one.station, channel_id, begin, end, count, cause) for begin, end, count in days]
        append_changes(conn, changes)
    return first
