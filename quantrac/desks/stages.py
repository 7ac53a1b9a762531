"""The desk of stages: which days of a channel are reviewed, by whom; signing them, and reopening them.

A day of a channel is `raw` while it lasts or tests have still to run, `unreviewed` then, `reviewed` once it is signed:
by one person, or by two where `network.yaml` says `four_eyes: true`. A person's review of a signed day is refused until
somebody reopens it with a reason; data that come late, and findings, reopen it by themselves (`ingest.signed_days`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from ingest.signed_days import LOCK
from quantrac.database import audit
from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.local_time import INSTANT, Calendar
from quantrac.telemetry.parameters import HOUSEKEEPING

DAY_S: Final = 86400.0
LONGEST: Final = timedelta(days=400)
"""Of one act or one look: a year."""
READINGS_A_TURN: Final = 1_500_000
"""So many readings at most are signed in one transaction, a second or two; a single day of a station always is."""


class BadStage(TranslatableError):
    """What was asked of a stage makes no sense, or cannot be done as things stand."""

    exit_code = 2


class DaySigned(TranslatableError):
    """A day is signed, so its readings are not reviewed."""


@dataclass(frozen=True, slots=True)
class StagedDay:
    """The stage of one local day of a channel, its newest signature, and what became of that."""

    station: str
    channel: str
    day: date
    stage: str
    """`raw`, `unreviewed` or `reviewed`."""
    signed_by: str | None
    signed_at: datetime | None
    approved_by: str | None
    """Who signed second, or the same person where one is enough; None: a second person has still to sign."""
    approved_at: datetime | None
    reopened_by: str | None
    reopened_cause: str | None
    """`person`, `reading` (it came late), `finding` or `correction`; None: the signature stands."""
    reopened_at: datetime | None
    reason: str | None
    """Note of who signed, or reason of who reopened."""

    @property
    def word(self) -> str:
        """The stage in one word: `waits` (for a second signature) and `reopened` are told from `unreviewed`."""
        if self.reopened_cause is not None and self.stage == "unreviewed":
            return "reopened"
        return "waits" if self.signed_by is not None and self.approved_by is None else self.stage


@dataclass(frozen=True, slots=True)
class StagesToDo:
    """Signed days of a station that need a person."""

    station: str
    waiting: int
    """A second person has to sign them."""
    reopened: int
    """Something came or changed after they were signed."""
    first: date
    """The oldest of them."""


class ChannelDays(NamedTuple):
    """Local days of channels of a station; no channel means all but those of the station itself (housekeeping)."""

    station: str
    first: date
    last: date
    """Inclusive."""
    channels: tuple[str, ...] = ()
    """Such as st-my-thanh/do."""


class Signer(NamedTuple):
    """Who signs."""

    person: str
    account: str | None
    """None: nobody had to sign in."""

    def is_also(self, other: Signer) -> bool:
        """Tell whether both are one person: by account, or by name where one of them has none."""
        if self.account is not None and other.account is not None:
            return self.account == other.account
        return " ".join(self.person.split()).casefold() == " ".join(other.person.split()).casefold()


class SignableDay(NamedTuple):
    """A day of a measured channel as whoever signs finds it."""

    channel_id: int
    day: date
    stage: str
    changed_at: datetime
    """When the newest of its readings, findings, verdicts and corrections came or ended."""
    content: list[int]
    """As `day_content` of the database gives it."""
    sign_off_id: int | None = None
    """Of the signature that stands."""
    signer: Signer | None = None
    """Whose it is."""


@dataclass(frozen=True, slots=True)
class SignedDays:
    """What an act of signing did, in days of channels."""

    reviewed: int
    """They count as reviewed from now on."""
    waiting: int
    """A second person has still to sign them."""
    left: Mapping[str, int]
    """Days that were not signed, by why: see `why_left`."""


SELECTED: Final = """v.station = %(station)s and v.time >= %(low)s and v.time < %(high)s
  and (v.channel = any(%(channels)s) or %(channels)s::text[] is null and v.parameter <> all(%(housekeeping)s))"""
STAGES: Final = f"""
select {columns_of(StagedDay)} from v_stage v where {SELECTED} order by channel, day
"""  # noqa: S608  # our own field names and a constant
AS_OF: Final = f"""
select v.station, v.channel, v.day,
       case when p.approved and not p.reopened then 'reviewed' else 'unreviewed' end as stage,
       s.person as signed_by, s.at as signed_at, case when p.approved then s.approved_by end as approved_by,
       case when p.approved then s.approved_at end as approved_at,
       case when p.reopened then s.reopened_by end as reopened_by,
       case when p.reopened then s.reopened_cause end as reopened_cause,
       case when p.reopened then s.reopened_at end as reopened_at,
       case when p.reopened then s.reopened_reason else s.note end as reason
from (select v.*, (v.time at time zone (select time_zone from network))::date as day
      from v_daily v where {SELECTED}) v join channel c using (channel)
left join lateral (
  select n.* from sign_off n where n.channel_id = c.channel_id and n.day = v.day and n.at <= %(as_of)s
  order by n.sign_off_id desc limit 1) s on true
cross join lateral (select coalesce(s.approved_at <= %(as_of)s, false) as approved,
                           coalesce(s.reopened_at <= %(as_of)s, false) as reopened) p
where not c.derived order by v.channel, v.day
"""  # noqa: S608
SIGNABLE: Final = f"""
select c.channel_id, v.day, v.stage, n.content, r.at, s.sign_off_id, s.person, s.account
from v_stage v join channel c using (channel)
left join sign_off s on s.channel_id = c.channel_id and s.day = v.day and s.reopened_at is null
cross join lateral (select (v.day + 1)::timestamp at time zone time_zone as ends from network) d
cross join lateral (select day_content(c.channel_id, v.time, d.ends) as content) n
cross join lateral (
  select greatest(
    (select max(f.at) from reading_flag f where f.channel_id = c.channel_id and f.time > v.time and f.time <= d.ends),
    (select max(greatest(w.approved_at, w.withdrawn_at)) from review w
     where w.channel_id = c.channel_id and w.from_t <= d.ends and w.to_t > v.time)) as at
) r
where not c.derived and {SELECTED} order by v.channel, v.day
"""  # noqa: S608
MEASURED: Final = """
select channel, channel_id, interval_s from channel
where station = %(station)s and not derived
  and (channel = any(%(channels)s) or %(channels)s::text[] is null and parameter <> all(%(housekeeping)s))
"""
SIGN: Final = """
insert into sign_off (channel_id, day, from_t, to_t, content, person, account, note, at)
select %(channel_id)s, %(day)s, %(day)s::timestamp at time zone time_zone,
       (%(day)s + 1)::timestamp at time zone time_zone, %(content)s, %(person)s, %(account)s, %(note)s, %(now)s
from network returning sign_off_id
"""
APPROVE: Final = """
update sign_off set approved_by = %(person)s, approved_account = %(account)s, approved_at = %(now)s
where sign_off_id = any(%(signed)s)
"""
REOPEN: Final = """
update sign_off set reopened_by = %(person)s, reopened_cause = 'person', reopened_reason = %(reason)s,
                    reopened_at = %(now)s
where channel_id = any(%(ids)s) and day between %(first)s and %(last)s and reopened_at is null
"""
TO_DO: Final = """
select c.station, count(*) filter (where s.reopened_at is null)::int as waiting,
       count(*) filter (where s.reopened_at is not null)::int as reopened, min(s.day) as first
from sign_off s join channel c using (channel_id)
where (s.reopened_at is null and s.approved_at is null or s.reopened_cause <> 'person' and not exists (
         select from sign_off n where n.channel_id = s.channel_id and n.day = s.day and n.sign_off_id > s.sign_off_id))
  and (%(stations)s::text[] is null or c.station = any(%(stations)s))
group by c.station order by c.station
"""
STANDING: Final = """
select s.day, coalesce(s.approved_by, s.person), c.channel from sign_off s join channel c using (channel_id)
where s.channel_id = %s and s.from_t < %s and s.to_t >= %s and s.reopened_at is null order by s.day limit 1
"""


def stages(conn: Connection, days: ChannelDays, as_of: datetime | None = None) -> list[StagedDay]:
    """Return the stage of each day with readings, by channel and day; `as_of`: as they were at an earlier moment.

    Of an earlier moment it is on record what was signed, not which tests had run: a day that was not is `unreviewed`;
    derived channels are left out. Raises BadStage.
    """
    return rows_of(conn, StagedDay, STAGES if as_of is None else AS_OF, {**_asked(conn, days), "as_of": as_of})


def to_do(conn: Connection, stations: frozenset[str] | None = None) -> list[StagesToDo]:
    """Return the stations where signed days wait for a second person, or were reopened by data; None: all stations."""
    return rows_of(conn, StagesToDo, TO_DO, {"stations": None if stations is None else sorted(stations)})


def sign(
    conn: Connection, days: ChannelDays, person: str, note: str, now: datetime, *, seen: datetime | None = None
) -> SignedDays:
    """Sign the days that can be signed; where four eyes are wanted a day is reviewed when a second person has signed.

    A day that cannot be signed is left, and counted by its reason. `seen`: when the person looked; a day to which
    readings, findings or corrections came since is left. A long stretch is signed a turn at a time, and each turn is an
    act: what was signed stays signed if a later turn fails. Raises BadStage where no measured channel is meant.
    """
    measured = _measured(conn, _asked(conn, days))
    readings_a_day = sum(DAY_S / interval_s for interval_s in measured.values())
    length = max(1, min(LONGEST.days, int(READINGS_A_TURN / max(1.0, readings_a_day))))
    reviewed, waiting, left = 0, 0, Counter[str]()
    last = (days.last - days.first).days
    for n in range(0, last + 1, length):
        first, until = (days.first + timedelta(days=at) for at in (n, min(last, n + length - 1)))
        done = _sign_turn(conn, days._replace(first=first, last=until), person, note, now, seen)
        reviewed, waiting = reviewed + done.reviewed, waiting + done.waiting
        left.update(done.left)
    return SignedDays(reviewed, waiting, dict(left))


def _sign_turn(
    conn: Connection, days: ChannelDays, person: str, note: str, now: datetime, seen: datetime | None
) -> SignedDays:
    by = Signer(person, audit.account())
    with conn.transaction():
        conn.execute(LOCK, [days.station])  # of two who sign at once one is the second
        asked = _asked(conn, days)
        found = [_signable(*row) for row in conn.execute(SIGNABLE, asked)]
        left = {id(day): why for day in found if (why := why_left(day, by, seen, asked["four_eyes"]))}
        able = [day for day in found if id(day) not in left]
        values = {"person": person, "account": by.account, "note": note.strip() or None, "now": now}
        signed = [day.sign_off_id for day in able if day.sign_off_id is not None]
        for day in able:
            if day.sign_off_id is None:
                keys = {"channel_id": day.channel_id, "day": day.day, "content": day.content}
                row = conn.execute(SIGN, {**values, **keys}).fetchone()
                assert row is not None
                if not asked["four_eyes"]:
                    signed.append(row[0])
        conn.execute(APPROVE, {**values, "signed": signed})
        done = SignedDays(len(signed), len(able) - len(signed), Counter(left.values()))
        if able:
            _audit(conn, now, person, "sign off", days, note, {"reviewed": done.reviewed, "waiting": done.waiting})
    return done


def why_left(day: SignableDay, by: Signer, seen: datetime | None, four_eyes: bool) -> str | None:
    """Return why a day cannot be signed, None where it can. Pure.

    `raw`: it lasts, or tests have still to run; `reviewed`: it is signed; `own`: where four eyes are wanted, whoever
    signed first cannot be the second; `changed`: readings, findings or corrections came since the person looked.
    """
    if day.stage in ("raw", "reviewed"):
        return day.stage
    if four_eyes and day.signer is not None and day.signer.is_also(by):
        return "own"
    return "changed" if seen is not None and day.changed_at > seen else None


def reopen(conn: Connection, days: ChannelDays, person: str, reason: str, now: datetime) -> int:
    """Reopen signed days, one's own signature that waits for a second one, too; return how many. Raises BadStage."""
    if not reason.strip():
        raise BadStage("a day is reopened with a reason")
    with conn.transaction():
        asked = _asked(conn, days)
        values = {"ids": [*_measured(conn, asked)], "person": person, "reason": reason, "now": now}
        done = conn.execute(REOPEN, {**values, "first": days.first, "last": days.last}).rowcount
        if not done:
            raise BadStage("none of these days is signed")
        _audit(conn, now, person, "reopen", days, reason, {"days": done})
    return done


def refuse_signed(conn: Connection, channel_id: int, from_t: datetime, to_t: datetime) -> None:
    """Raise DaySigned where readings of a channel, both times inclusive, are of a day that is signed."""
    found = conn.execute(STANDING, [channel_id, to_t, from_t]).fetchone()
    if found is not None:
        day, by, channel = found
        raise DaySigned(
            "{day} of {channel} was signed by {by}: reopen the day first, with a reason",
            day=f"{day:%d/%m/%Y}", channel=channel, by=by,
        )  # fmt: skip


def _asked(conn: Connection, days: ChannelDays) -> dict[str, Any]:
    """Return the parameters of the statements; raises BadStage."""
    if not timedelta(0) <= days.last - days.first <= LONGEST:
        raise BadStage("expected a first day not after the last one, at most 400 days")
    row = conn.execute("select four_eyes from network, station where station = %s", [days.station]).fetchone()
    if row is None:
        raise BadStage("there is no station {station}", station=days.station)
    calendar = Calendar(time_zone(conn))
    return {
        "station": days.station, "channels": list(days.channels) or None, "first": days.first, "last": days.last,
        "low": calendar.midnight(days.first), "high": calendar.day_end(calendar.midnight(days.last) + INSTANT),
        "four_eyes": row[0], "housekeeping": [parameter.id for parameter in HOUSEKEEPING],
    }  # fmt: skip


def _measured(conn: Connection, asked: Mapping[str, Any]) -> dict[int, float]:
    """Return the channels that are meant, number → interval in seconds.

    Raises BadStage where one is unknown or derived.
    """
    found = {channel: rest for channel, *rest in conn.execute(MEASURED, asked)}
    for channel in asked["channels"] or ():
        if channel not in found:
            raise BadStage("{channel} is no channel that the station measures", channel=channel)
    return dict(found.values())


def _signable(
    channel_id: int, day: date, stage: str, content: list[int], revised_at: datetime | None, sign_off_id: int | None,
    person: str | None, account: str | None,
) -> SignableDay:  # fmt: skip
    received_at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=content[4])
    signer = None if person is None else Signer(person, account)
    changed_at = received_at if revised_at is None else max(received_at, revised_at)
    return SignableDay(channel_id, day, stage, changed_at, content, sign_off_id, signer)


def _audit(
    conn: Connection, now: datetime, person: str, act: str, days: ChannelDays, reason: str, detail: Mapping[str, int]
) -> None:
    what = ", ".join(days.channels) or days.station
    said = {"first": days.first.isoformat(), "last": days.last.isoformat(), **detail}
    audit.record(conn, now, person, act, f"days {what}", reason.strip() or None, said)
