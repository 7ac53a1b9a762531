"""The desk of disclosures: making a version of a year, listing versions, reading one. A version never changes."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Final

from quantrac.config.limits import DecreeLimits
from quantrac.database import audit
from quantrac.database.pool import Connection, columns_of, rows_of
from reports.disclosure.year import NotDisclosed, write_year

PART: Final = 1 << 20
"""Bytes of a part: what is held at once."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A version of a year's archive."""

    year: int
    version: int
    """1, 2, … of its year."""
    sha256: str
    bytes: int
    unsigned_days: int
    """Days of channels in it that nobody had signed."""
    days: int
    person: str
    reason: str
    made_at: datetime


VERSIONS: Final = f"select {columns_of(Disclosure)} from v_disclosure order by year desc, version desc"  # noqa: S608  # field names
ONE: Final = f"select {columns_of(Disclosure)} from v_disclosure where year = %s and version = %s"  # noqa: S608
NEWEST: Final = f"""
select {columns_of(Disclosure)} from v_disclosure where year = %s order by version desc limit 1
"""  # noqa: S608
LOCK: Final = "select pg_advisory_xact_lock(hashtext('disclosure'), %s)"
ADD: Final = """
insert into disclosure (year, version, sha256, bytes, unsigned_days, days, person, reason, made_at)
values (%(year)s, %(version)s, %(sha256)s, %(bytes)s, %(unsigned_days)s, %(days)s, %(person)s, %(reason)s, %(made_at)s)
returning disclosure_id
"""
ADD_PART: Final = "insert into disclosure_part (disclosure_id, number, content) values (%s, %s, %s)"
READ_PART: Final = """
select p.content from disclosure_part p join disclosure d using (disclosure_id)
where d.year = %s and d.version = %s and p.number = %s
"""


def disclose(
    conn: Connection, limits: DecreeLimits, year: int, person: str, reason: str, now: datetime, *, marks_unsigned: bool
) -> tuple[Disclosure, bool]:
    """Make the archive of a year and keep it as its next version; return it, and whether it is new.

    Where the newest version has the same bytes no other one is made. Audited. Raises NotDisclosed, BadSpan.
    """
    if not reason.strip():
        raise NotDisclosed("a version needs a reason")
    with TemporaryFile() as out:
        facts = write_year(conn, limits, year, now, out, marks_unsigned=marks_unsigned)
        size, sha256 = out.tell(), _sha256_of(out)
        with conn.transaction():
            conn.execute(LOCK, [year])
            before = next(iter(rows_of(conn, Disclosure, NEWEST, [year])), None)
            if before is not None and before.sha256 == sha256:
                return before, False
            made = Disclosure(
                year, 1 if before is None else before.version + 1, sha256, size, facts.unsigned_days, facts.days,
                person, reason.strip(), now,
            )  # fmt: skip
            _keep(conn, made, out)
            detail = {"version": made.version, "sha256": sha256, "unsigned_days": facts.unsigned_days}
            audit.record(conn, now, person, "disclose", f"year {year}", made.reason, detail)
    return made, True


def disclosures(conn: Connection) -> list[Disclosure]:
    """Return all versions, the newest year and version first."""
    return rows_of(conn, Disclosure, VERSIONS)


def disclosure(conn: Connection, year: int, version: int) -> Disclosure:
    """Return a version. Raises NotDisclosed."""
    found = rows_of(conn, Disclosure, ONE, [year, version])
    if not found:
        raise NotDisclosed("there is no version {version} of the year {year}", year=year, version=version)
    return found[0]


def part(conn: Connection, year: int, version: int, number: int) -> bytes | None:
    """Return a part of the bytes of a version, by its number from 0 on; None behind the last one."""
    row = conn.execute(READ_PART, [year, version, number]).fetchone()
    return None if row is None else bytes(row[0])


def parts(conn: Connection, year: int, version: int) -> Iterator[bytes]:
    """Yield the bytes of a version, a part after the other."""
    for number in itertools.count():
        if (content := part(conn, year, version, number)) is None:
            return
        yield content


def _sha256_of(out: IO[bytes]) -> str:
    out.seek(0)
    return hashlib.file_digest(out, "sha256").hexdigest()  # type: ignore[arg-type]  # it reads and nothing else


def _keep(conn: Connection, made: Disclosure, out: IO[bytes]) -> None:
    values = {name: getattr(made, name) for name in Disclosure.__dataclass_fields__}
    (number_of_row,) = conn.execute(ADD, values).fetchone() or (0,)
    out.seek(0)
    number = 0
    while part := out.read(PART):
        conn.execute(ADD_PART, [number_of_row, number, part])
        number += 1
