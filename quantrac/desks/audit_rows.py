"""The desk of the audit: who did what, when, by which way; found by person, act, object, way and time. Read only."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from quantrac.database.pool import Connect, Connection, columns_of, rows_of

MOST_EXPORTED: Final = 100_000
AT_ONCE: Final = 1000
"""Lines of an export that are read and sent together: each by itself took a thread's turn, 24 s for all."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One act."""

    audit_id: int
    at: datetime
    person: str
    account: str | None
    """Login, or name of the token; None: nobody had to sign in."""
    role: str | None
    act: str
    object: str
    reason: str | None
    detail: dict[str, Any] | None
    """What exactly, such as the role that was given, and at which stations."""
    way: str
    address: str | None


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which acts; None or blank: all."""

    person: str | None = None
    """Part of the person's name or of the login, in any case."""
    act: str | None = None
    object: str | None = None
    """Part of what it was done to, such as `alarm 17` or `st-my-thanh`."""
    way: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""


ROWS: Final = f"""
select {columns_of(AuditRow)} from v_audit
where (%(person)s::text is null or position(lower(%(person)s) in lower(concat_ws(' ', person, account))) > 0)
  and (%(act)s::text is null or act = %(act)s) and (%(way)s::text is null or way = %(way)s)
  and (%(object)s::text is null or position(lower(%(object)s) in lower(object)) > 0)
  and (%(since)s::timestamptz is null or at >= %(since)s) and (%(until)s::timestamptz is null or at < %(until)s)
  and (%(before)s::int8 is null or audit_id < %(before)s)
order by audit_id desc limit %(limit)s
"""  # noqa: S608 (our own field names)
ACTS: Final = "select distinct act from v_audit order by 1"


def audit_rows(conn: Connection, query: AuditQuery, *, limit: int, before: int | None = None) -> list[AuditRow]:
    """Return acts, the newest first; `before`: only those with a smaller number, for the next page."""
    asked = {field.name: getattr(query, field.name) or None for field in fields(query)}
    return rows_of(conn, AuditRow, ROWS, {**asked, "limit": limit, "before": before})


def kinds_of_acts(conn: Connection) -> list[str]:
    """Return the words of all acts on record."""
    return [act for (act,) in conn.execute(ACTS)]


def as_csv(rows: Iterable[AuditRow], zone: ZoneInfo) -> Iterator[str]:
    """Yield the acts as lines of CSV, times in a zone; no cell is a formula for a spreadsheet."""
    names = [field.name for field in fields(AuditRow)]
    yield _line(names)
    for row in rows:
        yield _line([_harmless(_cell(value, zone)) for value in attrgetter(*names)(row)])


def exported(connect: Connect, query: AuditQuery, zone: ZoneInfo) -> Iterator[str]:
    """Yield the newest MOST_EXPORTED acts as CSV, many lines at a time; no connection is held while they are sent."""
    lines = as_csv(_newest(connect, query), zone)
    while text := "".join(islice(lines, AT_ONCE)):
        yield text


def _newest(connect: Connect, query: AuditQuery) -> Iterator[AuditRow]:
    before: int | None = None
    for _ in range(MOST_EXPORTED // AT_ONCE):
        with connect() as conn:
            rows = audit_rows(conn, query, limit=AT_ONCE, before=before)
        yield from rows
        if len(rows) < AT_ONCE:
            return
        before = rows[-1].audit_id


def _cell(value: object, zone: ZoneInfo) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value.astimezone(zone) if isinstance(value, datetime) else value)


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _harmless(cell: str) -> str:
    """Return a cell that a spreadsheet takes for words: people write reasons, and some begin with an equals sign."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
