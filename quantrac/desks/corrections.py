"""The desk of corrections: values beside the raw ones, which stay; a proposed one waits for another person's yes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from quantrac.database.feed import Cause
from quantrac.database.pool import Connection
from quantrac.desks.acts import Act, BadReview, ReviewedReadings
from quantrac.desks.review_rows import NotPossible, asked_of, locked, open_review, record, span_of, transaction

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
APPROVE: Final = """
update correction set approved_by = %(person)s, approved_at = %(now)s
where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s and review_id = %(review_id)s
"""
APPROVED: Final = "update review set approved_by = %(person)s, approved_at = %(now)s where review_id = %(review_id)s"


class CorrectionFormula(NamedTuple):
    """How a corrected value is made: `value` itself, or raw * factor + added + drift * share.

    The share grows in a line from 0 at the beginning of the stretch (the earlier calibration, after which the probe
    read right) to 1 at its end (the later one, which found it off by -drift).
    """

    value: float | None = None
    factor: float = 1.0
    added: float = 0.0
    drift: float = 0.0


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
    with transaction(conn):
        asked = asked_of(conn, stretch, person, reason, now, seen)
        asked |= span_of(conn, asked["channel_id"], stretch, from_raw=by_formula)
        signed = {"approved_by": None if proposed else person, "approved_at": None if proposed else now}
        review = {**asked, **signed, **columns_of(formula, stretch), "kind": "correction"}
        if not proposed:
            _refuse_second(conn, review)
        review_id = open_review(conn, review)
        conn.execute(CORRECT, {**review, "review_id": review_id})
        return record(conn, [review_id], person, "correct", reason, now, None if proposed else Cause.CORRECTION)


def approve(conn: Connection, review_id: int, person: str, now: datetime) -> Act:
    """Put a proposed correction into force. Raises NoSuchReview, BadReview, NotPossible."""
    with transaction(conn):
        act, (keys, *_) = locked(conn, review_id, person, None, now)
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
        return record(conn, [review_id], person, "approve", None, now, Cause.CORRECTION)


def columns_of(formula: CorrectionFormula, stretch: ReviewedReadings) -> dict[str, object]:
    """Return the columns that say how corrected values are made, and between which two times the probe drifted."""
    way: dict[str, object] = formula._asdict()
    if formula.value is not None:
        way = dict.fromkeys(way) | {"value": formula.value}
    drifts = bool(way["drift"])
    stretched = {"drift_from": stretch.after if drifts else None, "drift_to": stretch.until if drifts else None}
    return way | stretched | {"drift": way["drift"] or None}


def _refuse_second(conn: Connection, keys: Mapping[str, Any]) -> None:
    found = conn.execute(IN_FORCE, keys).fetchone()
    if found is not None and found[0]:
        raise NotPossible(
            "some of these readings are corrected already, by review {by}: withdraw that first",
            by=", ".join(map(str, found[0])),
        )
