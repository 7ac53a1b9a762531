"""Acts of review on record: verdicts and corrections, by whom, over which readings, and whether in force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.telemetry.errors import TranslatableError


class BadReview(TranslatableError):
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
    drift: float | None = None
    drift_from: datetime | None = None
    drift_to: datetime | None = None
    device: str | None = None
    """The device whose channels were all judged in one act; None: this channel alone."""
    part_of: int | None = None
    """The first review of that act; None in the first itself."""

    @property
    def touches(self) -> list[tuple[datetime, str]]:
        """When a person did something about it, and who: the act, an approval by another person, its withdrawal."""
        found = [(self.at, self.person)]
        if self.approved_at is not None and self.approved_by not in (None, self.person):
            found.append((self.approved_at, str(self.approved_by)))
        if self.withdrawn_at is not None:
            found.append((self.withdrawn_at, str(self.withdrawn_by)))
        return found


class ReviewedReadings(NamedTuple):
    """Readings of one channel: after < time <= until."""

    channel: str
    after: datetime
    until: datetime

    @classmethod
    def at(cls, channel: str, time: datetime) -> ReviewedReadings:
        """Return the stretch that holds the reading of this time alone."""
        return cls(channel, time - timedelta(microseconds=1), time)


ACT: Final = f"select {columns_of(Act)} from v_review where review_id = %s"  # noqa: S608  # our own field names
ACTS: Final = f"""
select {columns_of(Act)} from v_review
where (channel = %(place)s or part_of is null and (%(place)s::text is null or station = %(place)s))
  and (%(every)s or state <> 'withdrawn')
order by review_id desc limit %(limit)s
"""  # noqa: S608
ACTS_THERE: Final = f"""
select {columns_of(Act)} from v_review
where channel = any(%(channels)s) and to_t > %(after)s and from_t <= %(until)s order by review_id desc
"""  # noqa: S608
READINGS_THERE: Final = """
select sum((select count(*) from reading r
            where r.channel_id = c.channel_id and r.time > %(after)s and r.time <= %(until)s)
  + (select count(*) from derived_reading d
     where d.channel_id = c.channel_id and d.time > %(after)s and d.time <= %(until)s))
from channel c where c.channel = any(%(channels)s)
"""
BESIDE: Final = """
select o.channel from channel c join channel o using (station, device)
where c.channel = %s and not o.derived and (o.active or o.channel = c.channel)
order by o.channel <> c.channel, o.channel
"""


def acts(conn: Connection, place: str | None = None, *, every: bool = False, limit: int = 100) -> list[Act]:
    """Return the newest acts, of one channel or station where `place` names one; withdrawn ones only with `every`.

    An act on a whole device is one of them, that of its first channel; of a channel it is the channel's own.
    """
    return rows_of(conn, Act, ACTS, {"place": place, "every": every, "limit": limit})


def act_of(conn: Connection, review_id: int) -> Act:
    """Return one act; raises NoSuchReview."""
    found = rows_of(conn, Act, ACT, [review_id])
    if not found:
        raise NoSuchReview("there is no review {number}: quantrac review list", number=review_id)
    return found[0]


def channels_of(conn: Connection, channel: str, *, whole_device: bool) -> list[str]:
    """Return a channel, and with `whole_device` all that its device measures; the channel itself comes first."""
    found = [name for (name,) in conn.execute(BESIDE, [channel])] if whole_device else []
    return found or [channel]


def acts_there(conn: Connection, stretch: ReviewedReadings, *, whole_device: bool = False) -> list[Act]:
    """Return every act that touches the stretch, also withdrawn ones, the newest first."""
    channels = channels_of(conn, stretch.channel, whole_device=whole_device)
    return rows_of(conn, Act, ACTS_THERE, {**stretch._asdict(), "channels": channels})


def readings_there(conn: Connection, stretch: ReviewedReadings, *, whole_device: bool = False) -> int:
    """Return how many readings the stretch holds."""
    channels = channels_of(conn, stretch.channel, whole_device=whole_device)
    found = conn.execute(READINGS_THERE, {**stretch._asdict(), "channels": channels}).fetchone()
    return 0 if found is None else int(found[0] or 0)


def version_of(found: Iterable[Act]) -> int:
    """Return the version of a stretch: how often people touched it. It only grows, as no act is ever deleted. Pure."""
    return sum(len(act.touches) for act in found)
