"""The desk of samples: what was taken at stations, and through whose hands it went to a laboratory.

Nothing is deleted: a correction of a sample, a step or a result is one more version with person and reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from quantrac.database import audit
from quantrac.database.pool import Connection, columns_of
from quantrac.database.time_zone import time_zone
from quantrac.desks.entries import (
    BadEntry,
    EntryBook,
    EntryVersion,
    check_past,
    check_reason,
    check_seen,
    check_station,
    checked,
    entering,
)


class CustodyStep(StrEnum):
    """Through which hands a sample goes after it was taken, in this order."""

    HANDED_OVER = "handed_over"
    RECEIVED = "received"
    ANALYSED = "analysed"


class SampleSheet(NamedTuple):
    """What stands on a sampling sheet."""

    station: str
    code: str
    """What stands on the bottle; a station has it once."""
    sampled_at: datetime
    sampled_by: str
    laboratory: str
    words: str = ""


class Custody(NamedTuple):
    """A step of a sample's custody."""

    step: CustodyStep
    done_at: datetime
    """At local midnight: only the day is known."""
    done_by: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class KnownStep:
    """A version of a step on record."""

    step: str
    version: int
    done_at: datetime
    done_by: str
    words: str
    person: str
    at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class KnownResult:
    """A version of a result on record."""

    parameter: str
    version: int
    channel: str | None
    value: float | None
    """In `unit`; None: below `detection_limit`."""
    detection_limit: float | None
    unit: str
    reported: str
    method: str
    withdrawn: bool
    person: str
    at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class LaboratorySample(EntryVersion):
    """A version of a sample on record; with it all versions of its steps and results, the newest first."""

    sample_id: int
    code: str
    sampled_at: datetime
    sampled_by: str
    laboratory: str
    words: str
    steps: list[KnownStep] = field(default_factory=list)
    results: list[KnownResult] = field(default_factory=list)

    @property
    def custody(self) -> dict[str, KnownStep]:
        """The steps as they stand."""
        return {one.step: one for one in reversed(self.steps)}

    @property
    def found(self) -> dict[str, KnownResult]:
        """The results as they stand, by parameter."""
        newest_each = {one.parameter: one for one in reversed(self.results)}
        return {parameter: one for parameter, one in newest_each.items() if not one.withdrawn}


STEPS: Final = f"""
select sample_id, {columns_of(KnownStep)} from sample_step where sample_id = any(%s) order by version desc
"""  # noqa: S608
RESULTS: Final = f"""
select r.sample_id, {columns_of(KnownResult)} from sample_result r left join (select channel_id, channel from channel) c
  using (channel_id) where r.sample_id = any(%s) order by version desc
"""  # noqa: S608
OF_CODE: Final = """
select sample_id from sample s where station = %s and code = %s and not withdrawn
  and not exists (select from sample n where n.sample_id = s.sample_id and n.version > s.version)
"""
STEP: Final = """
insert into sample_step (sample_id, step, version, done_at, done_by, words, person, at, reason)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


class _Samples(EntryBook[SampleSheet, LaboratorySample]):
    """Samples, the newest first; of a withdrawn one the steps and results stay with it."""

    def checked(
        self, conn: Connection, sheet: SampleSheet, now: datetime, before: LaboratorySample | None
    ) -> SampleSheet:
        """Return the sheet as it is kept; it was taken before its steps of custody. Raises BadEntry."""
        check_station(conn, sheet.station)
        check_past(sheet.sampled_at, now)
        code = checked(sheet.code)
        if not code:
            raise BadEntry("a sample has a code: what stands on the bottle")
        row = conn.execute(OF_CODE, [sheet.station, code]).fetchone()
        if row is not None and (before is None or row[0] != before.sample_id):
            raise BadEntry("{station} has a sample {code} already", station=sheet.station, code=code)
        if before is not None:
            steps = [one.done_at for one in before.custody.values()]
            _check_between(sheet.sampled_at, [], steps, time_zone(conn))
        return sheet._replace(
            code=code,
            sampled_by=_somebody(sheet.sampled_by),
            laboratory=checked(sheet.laboratory),
            words=checked(sheet.words),
        )

    def detail(self, sheet: SampleSheet) -> dict[str, str]:
        """Return what the audit keeps of a sample."""
        return {"code": sheet.code}

    def with_parts(self, conn: Connection, found: Sequence[LaboratorySample]) -> list[LaboratorySample]:
        """Return samples with all versions of their steps and results."""
        numbers = [one.sample_id for one in found]
        steps: dict[int, list[KnownStep]] = {}
        for sample_id, *rest in conn.execute(STEPS, [numbers]):
            steps.setdefault(sample_id, []).append(KnownStep(*rest))
        results: dict[int, list[KnownResult]] = {}
        for sample_id, *rest in conn.execute(RESULTS, [numbers]):
            results.setdefault(sample_id, []).append(KnownResult(*rest))
        return [
            replace(one, steps=steps.get(one.sample_id, []), results=results.get(one.sample_id, [])) for one in found
        ]


SAMPLES: Final = _Samples(
    "sample", "sample", LaboratorySample, begins="sampled_at", ends="sampled_at", order="sampled_at desc",
    parts=("steps", "results"),
)  # fmt: skip
add, correct, withdraw = SAMPLES.add, SAMPLES.correct, SAMPLES.withdraw
samples, versions, sample_of = SAMPLES.listed, SAMPLES.versions, SAMPLES.holding


def pass_on(
    conn: Connection, sample_id: int, custody: Custody, person: str, now: datetime, reason: str = "",
    *, station: str | None = None, seen: int | None = None,
) -> LaboratorySample:  # fmt: skip
    """Enter a step of custody; a second time it is a correction, with a reason.

    `seen`: the version of the step that the person has looked at, 0: there was none. Raises BadEntry, NoSuchEntry,
    EntryOvertaken.
    """
    with entering(conn):
        before = SAMPLES.standing(conn, sample_id, station=station)
        known = before.custody.get(custody.step)
        if known is not None:
            check_seen(seen, known.version, known.person, known.at)
        _check_order(before, custody, now, time_zone(conn))
        version, why = (0, None) if known is None else (known.version, check_reason(reason))
        said = [custody.done_at, _somebody(custody.done_by), checked(custody.words), person, now, why]
        conn.execute(STEP, [sample_id, custody.step, version + 1, *said])
        detail = {"step": custody.step, "by": custody.done_by, "at": custody.done_at.isoformat()}
        audit.record(conn, now, person, "pass on", f"sample {sample_id} of {before.station}", why, detail)
        return sample_of(conn, sample_id)


def _somebody(name: str) -> str:
    if not checked(name):
        raise BadEntry("somebody's name is missing")
    return checked(name)


def is_after(one: datetime, other: datetime, zone: ZoneInfo) -> bool:
    """Return whether a time is after another; of one at local midnight only the day is known: days count. Pure."""
    here, there = one.astimezone(zone), other.astimezone(zone)
    if time() in (here.time(), there.time()):
        return here.date() > there.date()
    return one > other


def _check_order(before: LaboratorySample, custody: Custody, now: datetime, zone: ZoneInfo) -> None:
    """Raise BadEntry for a step that is before an earlier one, after a later one, or still to come."""
    check_past(custody.done_at, now)
    order, place = list(CustodyStep), list(CustodyStep).index(custody.step)
    known = before.custody
    earlier = [before.sampled_at, *(known[step].done_at for step in order[:place] if step in known)]
    later = [known[step].done_at for step in order[place + 1 :] if step in known]
    _check_between(custody.done_at, earlier, later, zone)


def _check_between(at: datetime, earlier: Sequence[datetime], later: Sequence[datetime], zone: ZoneInfo) -> None:
    for other in earlier:
        if is_after(other, at, zone):
            raise BadEntry("found {at}, which is before the step before it ({other})", at=at, other=other)
    for other in later:
        if is_after(at, other, zone):
            raise BadEntry("found {at}, which is after the step after it ({other})", at=at, other=other)
