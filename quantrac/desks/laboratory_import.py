"""The desk that takes a laboratory's file in: samples, custody and results that are not there yet."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.desks.entries import BadEntry, checked, entering
from quantrac.desks.laboratory_file import MOST_BYTES, FileLine, RefusedLine, Usual, read_file
from quantrac.desks.laboratory_results import enter_result, reported_words
from quantrac.desks.samples import OF_CODE, LaboratorySample, add, is_after, pass_on, sample_of

WITHDRAWN: Final = """
select person, sampled_at from sample s where station = %s and code = %s and withdrawn
  and not exists (select from sample n where n.sample_id = s.sample_id and n.version > s.version)
"""
STATIONS: Final = "select station, name_vi, name_en from station where active"


@dataclass(frozen=True)
class FileTaken:
    """What became of the results of a file."""

    new: int
    known: int
    """They were there already."""
    refused: list[RefusedLine] = field(default_factory=list)
    """In the order of the file."""


def import_file(
    conn: Connection, content: bytes, usual: Usual, person: str, now: datetime, marks: Collection[str] | None = None
) -> FileTaken:
    """Enter the results of a file, each line for itself; one that was taken in before changes nothing.

    `usual`: values for columns that the file lacks. `marks`: as of `read_file`. Raises BadEntry for a file of another
    form.
    """
    if len(content) > MOST_BYTES:
        raise BadEntry("found a file of {bytes} bytes, expected at most {most}", bytes=len(content), most=MOST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadEntry("the file is not UTF-8: save it as CSV UTF-8") from error
    counts = {"new": 0, "known": 0}
    refused: list[RefusedLine] = []
    zone = time_zone(conn)
    for one in read_file(text, _stations(conn), zone, usual, marks):
        if isinstance(one, RefusedLine):
            refused.append(one)
            continue
        try:
            counts[_take_in(conn, one, zone, person, now)] += 1
        except BadEntry as error:
            refused.append(RefusedLine(one.line, 1, "", error))
    return FileTaken(counts["new"], counts["known"], refused)


def _take_in(conn: Connection, line: FileLine, zone: ZoneInfo, person: str, now: datetime) -> Literal["new", "known"]:
    """Enter a line. What contradicts what is there is refused, for a file corrects nothing. Raises BadEntry."""
    sheet, result = line.sheet, line.result
    with entering(conn):
        row = conn.execute(OF_CODE, [sheet.station, checked(sheet.code)]).fetchone()
        if row is None:
            _check_new(conn, line, zone)
            sample = add(conn, sheet, person, now)
        else:
            sample = sample_of(conn, row[0])
            _check_known(sample, line, zone)
        for custody in line.steps:
            if custody.step not in sample.custody:
                sample = pass_on(conn, sample.sample_id, custody, person, now)
        known = next((one for one in sample.results if one.parameter == result.parameter), None)
        if known is None:
            enter_result(conn, sample.sample_id, result, person, now)
            return "new"
        if known.withdrawn:
            raise BadEntry("{by} has withdrawn {parameter} of {code}: enter it by hand if it stands", by=known.person,
                           parameter=result.parameter, code=sheet.code)  # fmt: skip
        if known.reported != reported_words(result):
            raise BadEntry("{code} has {reported} already: correct it with a reason", code=sheet.code,
                           reported=known.reported)  # fmt: skip
        return "known"


def _check_new(conn: Connection, line: FileLine, zone: ZoneInfo) -> None:
    """Raise BadEntry for a sample that was withdrawn, or of which nobody knows when in the day it was taken."""
    sheet = line.sheet
    for by, at in conn.execute(WITHDRAWN, [sheet.station, checked(sheet.code)]):
        if _is_taken_at(line, at, zone):
            raise BadEntry("{by} has withdrawn the sample {code}: enter it by hand if it stands", by=by,
                           code=sheet.code)  # fmt: skip
    if not line.has_clock:
        raise BadEntry("{code} is not on record: expected when it was taken, such as 24/11/2026 07:05", code=sheet.code)


def _check_known(sample: LaboratorySample, line: FileLine, zone: ZoneInfo) -> None:
    """Raise BadEntry where a line says something else of a sample than what is on record."""
    sheet = line.sheet
    if not _is_taken_at(line, sample.sampled_at, zone):
        raise BadEntry("{code} was taken at {at}", code=sheet.code, at=sample.sampled_at)
    for name in sorted(line.says):
        found, known = checked(getattr(sheet, name)), getattr(sample, name)
        if found != known:
            raise BadEntry("{code}: found {found}, on record is {known}: correct it with a reason", code=sheet.code,
                           found=found, known=known or "-")  # fmt: skip
    for custody in line.steps:
        step = sample.custody.get(custody.step)
        if step is None:
            continue
        at, by = custody.done_at, checked(custody.done_by)
        if by != step.done_by or is_after(at, step.done_at, zone) or is_after(step.done_at, at, zone):
            raise BadEntry(
                "{code}: found {by} at {at}, on record is {known_by} at {known_at}: correct it with a reason",
                code=sheet.code, by=by, at=at, known_by=step.done_by, known_at=step.done_at,
            )  # fmt: skip


def _is_taken_at(line: FileLine, at: datetime, zone: ZoneInfo) -> bool:
    if line.has_clock:
        return line.sheet.sampled_at == at
    return line.sheet.sampled_at.astimezone(zone).date() == at.astimezone(zone).date()


def _stations(conn: Connection) -> dict[str, str]:
    """Return each station by its identifier and its names, in small letters."""
    return {
        said.strip().casefold(): station
        for station, *names in conn.execute(STATIONS).fetchall()
        for said in (*names, station)
    }
