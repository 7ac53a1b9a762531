"""Entries that people make: visits, certificates, samples. A newer version corrects one; no row is changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Protocol, TypeVar

from quantrac.database import audit
from quantrac.database.pool import Connection, rows_of
from quantrac.telemetry.errors import TranslatableError

ENTRY_LOCK: Final = 0x5154_0020
"""Advisory lock: people enter one after the other."""
CLOCKS_APART: Final = timedelta(minutes=5)
"""So far in the future a time may lie: the clocks of a telephone and of the centre differ."""
MOST_WORDS: Final = 2000
STATION: Final = "select true from station where station = %s and active"


class BadEntry(TranslatableError):
    """What was entered cannot be; the text says what was found and what is expected."""

    exit_code = 2


class NoSuchEntry(BadEntry):
    """There is no entry of this number."""


class EntryOvertaken(TranslatableError):
    """Somebody has corrected the entry since it was looked at."""


class EntrySheet(Protocol):
    """What people write down of an entry."""

    @property
    def station(self) -> str:
        """Station of the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryVersion:
    """What each version of an entry says beside its sheet."""

    version: int
    station: str
    withdrawn: bool
    person: str
    at: datetime
    reason: str | None
    """Why it was corrected; None: it is the first version."""


Sheet = TypeVar("Sheet", bound=EntrySheet)
Version = TypeVar("Version", bound=EntryVersion)


@contextmanager
def entering(conn: Connection) -> Iterator[None]:
    """Enter something in one transaction; others wait, and then see it."""
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", [ENTRY_LOCK])
        yield


def check_seen(seen: int | None, version: int, by: str, at: datetime) -> None:
    """Raise EntryOvertaken where another version holds than the one that was looked at; None: whatever others did."""
    if seen not in (None, version):
        raise EntryOvertaken(
            "{by} has corrected this at {at}, after you looked: see what stands, then decide", by=by, at=at
        )


def check_reason(reason: str) -> str:
    """Return why something is corrected. Raises BadEntry for nothing."""
    if not reason.strip():
        raise BadEntry("a correction needs a reason")
    return checked(reason)


def checked(text: str) -> str:
    """Return what somebody wrote, without blanks around it. Raises BadEntry for what no page can show."""
    if len(text) > MOST_WORDS:
        raise BadEntry("found more than {most} characters", most=MOST_WORDS)
    if any(not (letter.isprintable() or letter in "\r\n\t") for letter in text):
        raise BadEntry("found a character that cannot be printed")
    return text.strip()


def check_past(at: datetime, now: datetime) -> None:
    """Raise BadEntry for a time in the future."""
    if at > now + CLOCKS_APART:
        raise BadEntry("found {at}, which is still to come", at=at)


def check_station(conn: Connection, station: str) -> None:
    """Raise BadEntry for a station that is not there."""
    if conn.execute(STATION, [station]).fetchone() is None:
        raise BadEntry("there is no station {station}", station=station)


class EntryBook(ABC, Generic[Sheet, Version]):
    """All entries of one kind: a table of versions with a column for each field, and tables of their parts."""

    def __init__(
        self, noun: str, table: str, kind: type[Version], *, begins: str, ends: str, order: str,
        parts: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Keep entries of a kind in a table.

        Args:
            noun: what one is called; its number is the column `<noun>_id`.
            table: of the versions.
            kind: of a version, its fields named as the columns.
            begins: column of the time at which an entry begins.
            ends: column of the time at which it ends.
            order: of a list, in SQL.
            parts: fields that stand in tables of their own.
        """
        self.noun, self.kind, key = noun, kind, f"{noun}_id"
        columns = [each.name for each in fields(kind) if each.name not in parts]
        self.said = [name for name in columns if name not in {key, *(each.name for each in fields(EntryVersion))}]
        self.said.append("station")
        signed = ["person", "at"]
        listed = ", ".join(columns)
        self.versions_query = f"select {listed} from {table} where {key} = %s order by version desc"  # noqa: S608
        self.list_query = f"""
            select {listed} from {table} e
            where (%(station)s::text is null or station = %(station)s)
              and (%(stations)s::text[] is null or station = any(%(stations)s))
              and (%(since)s::timestamptz is null or {ends} >= %(since)s)
              and (%(until)s::timestamptz is null or {begins} < %(until)s) and (%(every)s or not withdrawn)
              and not exists (select from {table} n where n.{key} = e.{key} and n.version > e.version)
            order by {order}, {key} desc limit %(limit)s
        """  # noqa: S608  # our own words
        self.add_query = f"{_insert(table, ['version', *self.said, *signed])} returning {key}"
        self.correct_query = _insert(table, [key, "version", *self.said, "withdrawn", *signed, "reason"])

    @abstractmethod
    def checked(self, conn: Connection, sheet: Sheet, now: datetime, before: Version | None) -> Sheet:
        """Return a sheet as it is kept; `before`: the version that it corrects. Raises BadEntry."""

    @abstractmethod
    def detail(self, sheet: Sheet) -> Mapping[str, Any]:
        """Return what the audit keeps of a sheet."""

    def enter_parts(self, conn: Connection, number: int, version: int, said: Sheet | Version) -> None:
        """Enter what stands in tables of its own."""

    def with_parts(self, conn: Connection, found: Sequence[Version]) -> list[Version]:  # noqa: ARG002
        """Return versions with what stands in tables of its own."""
        return list(found)

    def add(self, conn: Connection, sheet: Sheet, person: str, now: datetime) -> Version:
        """Enter one. Raises BadEntry."""
        with entering(conn):
            sheet = self.checked(conn, sheet, now, None)
            row = conn.execute(
                self.add_query, {**self._values(sheet), "version": 1, "person": person, "at": now}
            ).fetchone()
            assert row is not None
            self.enter_parts(conn, row[0], 1, sheet)
            subject = self._subject(row[0], sheet)
            audit.record(conn, now, person, "add", subject, detail=self.detail(sheet))
            return self.holding(conn, row[0])

    def correct(
        self, conn: Connection, number: int, sheet: Sheet, person: str, reason: str, now: datetime,
        *, seen: int | None = None,
    ) -> Version:  # fmt: skip
        """Put another version in the place of one; the one before stays on record.

        `seen`: the version that the person has looked at. Raises BadEntry, NoSuchEntry, EntryOvertaken.
        """
        with entering(conn):
            before = self.standing(conn, number, seen, sheet.station)
            sheet = self.checked(conn, sheet, now, before)
            self._enter_version(conn, number, before.version + 1, sheet, person, reason, now, withdrawn=False)
            subject = self._subject(number, sheet)
            audit.record(conn, now, person, "amend", subject, reason, self.detail(sheet))
            return self.holding(conn, number)

    def withdraw(
        self, conn: Connection, number: int, person: str, reason: str, now: datetime,
        *, seen: int | None = None, station: str | None = None,
    ) -> Version:  # fmt: skip
        """Withdraw an entry that was entered by mistake or twice; it stays on record.

        `station`: that it must be of, None: any. Raises as `correct` does.
        """
        with entering(conn):
            before = self.standing(conn, number, seen, station)
            self._enter_version(conn, number, before.version + 1, before, person, reason, now, withdrawn=True)
            subject = self._subject(number, before)
            audit.record(conn, now, person, "withdraw", subject, reason)
            return self.holding(conn, number)

    def listed(
        self, conn: Connection, station: str | None = None, *, stations: frozenset[str] | None = None,
        since: datetime | None = None, until: datetime | None = None, every: bool = False, limit: int | None = None,
    ) -> list[Version]:  # fmt: skip
        """Return entries as they stand, in the order of the kind; `every`: also withdrawn ones.

        `stations` bounds whose; `since` and `until`: what ended not before the one and began before the other.
        """
        asked = {
            "station": station, "stations": None if stations is None else sorted(stations), "since": since,
            "until": until, "every": every, "limit": limit,
        }  # fmt: skip
        return self.with_parts(conn, rows_of(conn, self.kind, self.list_query, asked))

    def versions(self, conn: Connection, number: int) -> list[Version]:
        """Return all versions of an entry, the newest first."""
        return self.with_parts(conn, rows_of(conn, self.kind, self.versions_query, [number]))

    def earlier(self, conn: Connection, found: Iterable[Version]) -> dict[int, list[Version]]:
        """Return the earlier versions of those entries that were corrected, by number."""
        numbers = [int(getattr(one, f"{self.noun}_id")) for one in found if one.version > 1]
        return {number: self.versions(conn, number)[1:] for number in numbers}

    def holding(self, conn: Connection, number: int) -> Version:
        """Return the version in force, also of a withdrawn entry. Raises NoSuchEntry."""
        found = self.versions(conn, number)
        if not found:
            raise NoSuchEntry("there is no entry {number}", number=number)
        return found[0]

    def standing(self, conn: Connection, number: int, seen: int | None = None, station: str | None = None) -> Version:
        """Return the version in force of an entry that a person is about to change.

        `seen`: the version that the person has looked at, None: whatever others did. `station`: that it must be of,
        None: any. Raises NoSuchEntry; EntryOvertaken where it is not the version that was looked at; BadEntry for a
        withdrawn one.
        """
        found = self.holding(conn, number)
        if station not in (None, found.station):
            raise NoSuchEntry("there is no entry {number}", number=number)
        check_seen(seen, found.version, found.person, found.at)
        if found.withdrawn:
            raise BadEntry("entry {number} was withdrawn by {by}", number=number, by=found.person)
        return found

    def _enter_version(
        self, conn: Connection, number: int, version: int, said: Sheet | Version, person: str, reason: str,
        now: datetime, *, withdrawn: bool,
    ) -> None:  # fmt: skip
        own = {f"{self.noun}_id": number, "version": version, "withdrawn": withdrawn, "reason": check_reason(reason)}
        conn.execute(self.correct_query, {**self._values(said), **own, "person": person, "at": now})
        self.enter_parts(conn, number, version, said)

    def _values(self, said: Sheet | Version) -> dict[str, Any]:
        return {name: getattr(said, name) for name in self.said}

    def _subject(self, number: int, said: Sheet | Version) -> str:
        return f"{self.noun} {number} of {said.station}"


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"insert into {table} ({', '.join(columns)}) values ({', '.join(f'%({name})s' for name in columns)})"  # noqa: S608
