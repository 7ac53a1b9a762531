"""Acts of review on record: verdicts and corrections, by whom, over which readings, and whether in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.telemetry.errors import QuantracError


class BadReview(QuantracError):
    """What was asked makes no sense; the text says what was found and what is expected."""

    exit_code = 2


class NoSuchReview(BadReview):
    """There is no act of this number."""


@dataclass(frozen=True, slots=True)
class Act:
    """One row of `v_review`: an act of a person; `state` is `in force`, `proposed` or `withdrawn`."""

    review_id: int
    station: str
    channel: str
    kind: str
    state: str
    from_t: datetime
    to_t: datetime
    readings: int
    flag: int | None
    value: float | None
    factor: float | None
    added: float | None
    person: str
    reason: str
    at: datetime
    approved_by: str | None
    approved_at: datetime | None
    withdrawn_by: str | None
    withdrawn_reason: str | None
    withdrawn_at: datetime | None


ACT: Final = f"select {columns_of(Act)} from v_review where review_id = %s"  # noqa: S608  # our own field names
ACTS: Final = f"""
select {columns_of(Act)} from v_review
where (%(place)s::text is null or channel = %(place)s or station = %(place)s) and (%(every)s or state <> 'withdrawn')
order by review_id desc limit %(limit)s
"""  # noqa: S608


def acts(conn: Connection, place: str | None = None, *, every: bool = False, limit: int = 100) -> list[Act]:
    """Return the newest acts, of one channel or station where `place` names one; withdrawn ones only with `every`."""
    return rows_of(conn, Act, ACTS, {"place": place, "every": every, "limit": limit})


def act_of(conn: Connection, review_id: int) -> Act:
    """Return one act; raises NoSuchReview."""
    found = rows_of(conn, Act, ACT, [review_id])
    if not found:
        raise NoSuchReview(f"there is no review {review_id}: quantrac review list")
    return found[0]
