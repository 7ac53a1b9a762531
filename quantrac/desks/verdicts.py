"""The desk of verdicts: what people say of readings stands above every test, until it is ended or withdrawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

from quantrac.database import audit
from quantrac.database.feed import Cause, NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.desks.acts import Act, BadReview, ReviewedReadings, readings_there
from quantrac.desks.review_rows import (
    NotPossible,
    asked_of,
    check_number,
    known_channel,
    open_each,
    open_review,
    parts_of,
    record,
    span_of,
    transaction,
)
from quantrac.desks.stages import refuse_signed
from quantrac.telemetry.quality import Quality

VERDICTS: Final[Mapping[str, Quality]] = {"good": Quality.GOOD, "suspect": Quality.SUSPECT, "fail": Quality.FAIL}

VERDICTS_STAND: Final = """
select min(time), max(time), count(*) from (
  select distinct on (time) time, flag from v_flag
  where channel = %(channel)s and time > %(after)s and time <= %(until)s and test is null
  order by time, flag_id desc) newest
where flag is not null
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
UNDONE: Final = "select undone_by from import where import_id = %s and undone_at is not null"


class ReadingVerdict(NamedTuple):
    """What a person, or experts whose word a person takes, says of one reading."""

    time: datetime
    verdict: Quality | None
    """None: nothing."""
    reason: str


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
    with transaction(conn):
        asked = asked_of(conn, stretch, person, reason, now, seen, whole_device=whole_device)
        made = {**asked, "kind": "flag", "flag": int(verdict), "approved_by": person, "approved_at": now}
        parts: list[dict[str, Any]] = []
        for own in parts_of(conn, stretch, whole_device=whole_device):
            channel_id = known_channel(conn, own.channel)["channel_id"]
            if not parts or readings_there(conn, own):
                parts.append(made | {"channel_id": channel_id} | span_of(conn, channel_id, own, from_raw=False))
        return record(conn, open_each(conn, parts, FLAG), person, "flag", reason, now, Cause.FLAG)


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
    with transaction(conn):
        asked = asked_of(conn, stretch, person, reason, now, seen, whole_device=whole_device)
        made = {**asked, "kind": "unflag", "approved_by": person, "approved_at": now}
        parts = []
        for own in parts_of(conn, stretch, whole_device=whole_device):
            from_t, to_t, readings = conn.execute(VERDICTS_STAND, own._asdict()).fetchone() or (None, None, 0)
            if readings:
                check_number(readings)
                span = {"from_t": from_t, "to_t": to_t, "readings": readings}
                parts.append(made | {"channel_id": known_channel(conn, own.channel)["channel_id"]} | span)
        if not parts:
            raise BadReview("nobody's verdict stands on these readings of {channel}", channel=stretch.channel)
        return record(conn, open_each(conn, parts, UNFLAG), person, "unflag", reason, now, Cause.FLAG)


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
    with transaction(conn):
        asked = asked_of(conn, ReviewedReadings.at(channel, now), person, reason, now, None)
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
            flagged = {"kind": "flag", "flag": int(run[0].verdict or 0)}
            review_id = open_review(conn, {**asked, **span, **signed, **flagged})
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
