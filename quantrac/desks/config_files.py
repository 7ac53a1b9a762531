"""The desk of configuration files: checks, compares, saves and takes back what people change in them.

Data path of a change: text → file as its person opened it → the whole network checked with it → rows of the change
and of the audit → file replaced → committed. The files stay the truth: who edits them at a shell needs no leave.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from ruamel.yaml.nodes import MappingNode

from edge_agent.commissioning.golden_exchange import prove
from quantrac.config.cautions import cautions
from quantrac.config.config_folder import ConfigFile, ConfigFolder, FileNotOurs, OtherContent, digest_of
from quantrac.config.findings import ConfigErrors, Problem
from quantrac.config.line_changes import taken_back
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.sources import MOST_BYTES, BadSource, compose
from quantrac.config.station_copy import NewStation, copied
from quantrac.database import audit
from quantrac.database.pool import Connection, rows_of
from quantrac.desks.network import ForeseenNetwork, foresee
from quantrac.telemetry.errors import TranslatableError

_NAMES_PEOPLE: Final = re.compile(rb"""(?m)(?:^|[\r#{])[ \t]*["']?contacts["']?[ \t]*:""")
"""In a file that seems to name contacts, be it in a comment."""
_ADDRESS: Final = re.compile(
    rb"(?m)(?:^|\s)#.*?(?:[^@\s]@[\w.\x80-\xff-]+\.[A-Za-z\x80-\xff]{2}"
    rb"|(?<![0-9.])(?:\+84[ .-]?|0)[0-9]{2,3}[ .-]?[0-9]{3}[ .-]?[0-9]{3})"
)
"""A comment with a mail address or a Vietnamese telephone number."""
FILES_LOCK: Final = 0x5154_0006
"""Whoever saves holds it, so that changes of two persons come one after the other, whichever way they come."""


class BadChange(TranslatableError):
    """What was asked of a file cannot be done; the text says why."""

    exit_code = 2


class ChangedMeanwhile(TranslatableError):
    """The file has changed since its person opened it: they look and decide."""


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """A change of a file by a person."""

    config_change_id: int
    at: datetime
    person: str
    reason: str
    file: str
    takes_back: int | None
    """The change that this one takes back."""
    taken_back_by: int | None
    """The newest change that takes this one back."""
    before: bytes | None = field(repr=False)
    """None: the file was not there."""
    after: bytes | None = field(repr=False)
    """None: the file was gone."""


CHANGES: Final = """
select c.config_change_id, c.at, c.person, c.reason, c.file, c.takes_back,
  (select max(config_change_id) from config_change b where b.takes_back = c.config_change_id) as taken_back_by,
  c.before, c.after
from config_change c
where (%(file)s::text is null or c.file = %(file)s) and (%(number)s::int8 is null or c.config_change_id = %(number)s)
  and (%(stations)s::text[] is null or split_part(c.file, '/', -2) <> 'stations'
       or split_part(split_part(c.file, '/', -1), '.yaml', 1) = any(%(stations)s))
order by c.config_change_id desc limit %(limit)s
"""
CHANGE: Final = """
insert into config_change (at, person, reason, file, before, after, takes_back)
values (%s, %s, %s, %s, %s, %s, %s) returning config_change_id
"""
WROTE: Final = """
select person, at
from (select person, at, after from config_change where file = %s order by config_change_id desc limit 1) newest
where after is not distinct from %s
"""


def changes(
    conn: Connection, file: str | None = None, limit: int = 20, stations: frozenset[str] | None = None
) -> list[ConfigChange]:
    """Return the newest changes, of one file or of all; of station files only those of `stations`, None: all."""
    within = None if stations is None else sorted(stations)
    return rows_of(conn, ConfigChange, CHANGES, {"file": file, "number": None, "stations": within, "limit": limit})


def change_of(conn: Connection, number: int, file: str | None = None) -> ConfigChange:
    """Return one change, `file`: of this file. Raises BadChange where there is none of that number."""
    found = rows_of(conn, ConfigChange, CHANGES, {"file": file, "number": number, "stations": None, "limit": 1})
    if not found:
        raise BadChange("there is no change {number} of a file: quantrac stations history", number=number)
    return found[0]


def changed_by(conn: Connection, file: ConfigFile, content: bytes | None) -> tuple[str, datetime] | None:
    """Return who let the file hold this, and when; None: it was written in no way that keeps changes."""
    row = conn.execute(WROTE, [file.name, content]).fetchone()
    return None if row is None else (row[0], row[1])


def checked(folder: ConfigFolder, file: ConfigFile, text: str | None) -> Network:
    """Return the network with a text in the place of a file (None: without it), checked as `stations check` does.

    Raises ConfigErrors with everything that is wrong in any file, BadChange for a text that is too large.
    """
    if text is not None and len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise BadChange("the text is larger than {most} bytes: part the file", most=MOST_BYTES)
    return load_network(folder.root, folder.overlay, prove, {folder.path(file): text})


class Verdict(NamedTuple):
    """What the checker says of the network."""

    problems: list[Problem]
    """What is wrong; `file` of each is a name below the folder."""
    cautions: list[str]
    """What is allowed and hardly meant, where nothing is wrong."""


def verdict(folder: ConfigFolder, file: ConfigFile, text: str, now: datetime) -> Verdict:
    """Return what `stations check` would say if a file held this text."""
    try:
        return Verdict([], cautions(checked(folder, file, text), now))
    except ConfigErrors as errors:
        return Verdict([named(problem, folder) for problem in errors.problems], [])


def named(problem: Problem, folder: ConfigFolder) -> Problem:
    """Return a problem with the name of its file below the folder. Pure."""
    name = problem.file.removeprefix(f"{folder.root}/")
    return Problem(name, problem.line, problem.column, problem.key, problem.message)


def consequences(conn: Connection, folder: ConfigFolder, file: ConfigFile, text: str, now: datetime) -> ForeseenNetwork:
    """Return what applying would change in the database if the file held this text, in the words of `stations diff`.

    Raises ConfigErrors, ChannelChangesMeaning.
    """
    found = foresee(conn, checked(folder, file, text), now)
    return found._replace(stations=[one for one in found.stations if one.applied.outcome != "unchanged"])


def new_station(folder: ConfigFolder, like: str, new: NewStation, now: datetime) -> tuple[str, list[str]]:
    """Return the text of a new station's file, made of another one's, and the keys that were left out of it.

    Nothing is written. Raises BadChange where the new one exists or the other one does not, ConfigErrors, NoSuchFile.
    """
    network = load_network(folder.root, folder.overlay)
    content = folder.read(folder.file(f"stations/{like}.yaml"))
    if content is None or like not in network.stations:
        raise BadChange("found {found}, there are: {known}", found=like, known=", ".join(sorted(network.stations)))
    if new.station in network.stations or folder.read(folder.file(f"stations/{new.station}.yaml")) is not None:
        raise BadChange("{station} exists: give the new station another name", station=new.station)
    since = new.in_service or now.astimezone(network.zone).date()
    return copied(str(content, "utf-8"), replace(new, in_service=since))


def network_as_seen(folder: ConfigFolder, seen: str) -> Network:
    """Return the network of the files if they are those that somebody has seen (`folder.digest()`).

    Raises ChangedMeanwhile, ConfigErrors.
    """
    network = load_network(folder.root, folder.overlay, prove)
    if folder.digest() != seen:
        raise ChangedMeanwhile("the files have changed since you looked: see what applying would do now, then decide")
    return network


def save(
    conn: Connection,
    folder: ConfigFolder,
    file: ConfigFile,
    text: str,
    person: str,
    reason: str,
    now: datetime,
    *,
    opened: str,
) -> int:
    """Save a text as a file, and return the number of the change.

    Args:
        conn: a connection in autocommit.
        folder: the configuration.
        file: the file; it may be new.
        text: what it shall hold.
        person: who changes it.
        reason: why.
        now: the time.
        opened: `digest_of` what the file held when its person opened it; empty: it was not there.

    Raises ChangedMeanwhile where it holds something else by now, ConfigErrors where the network would not pass the
    check, BadChange where nothing changes, the reason is empty or the file names contacts, FileNotOurs.
    """

    def made_of(before: bytes | None) -> bytes:
        if digest_of(before) != opened:
            raise _meanwhile(conn, file, before)
        return _written_as(text, before)

    return _change(conn, folder, file, made_of, person, reason, now)


def take_back(
    conn: Connection,
    folder: ConfigFolder,
    number: int,
    person: str,
    reason: str,
    now: datetime,
    file: str | None = None,
) -> int:
    """Take a change out of its file, where later changes of other lines stay, and return the number of the new change.

    `file`: refuse a change of another file. Raises BadChange where it has no such change, or later ones touch the
    same lines, and what `save` raises.
    """
    change = change_of(conn, number, file)
    place = folder.file(change.file)
    return _change(conn, folder, place, lambda before: without(change, before), person, reason, now, takes_back=number)


def without(change: ConfigChange, now: bytes | None) -> bytes | None:
    """Return what a file that holds `now` would hold without a change. Raises BadChange. Pure."""
    if now == change.after:
        return change.before
    found = None
    if None not in (now, change.before, change.after):
        with suppress(UnicodeDecodeError):
            found = taken_back(*(str(each, "utf-8") for each in (change.before, change.after, now) if each is not None))
    if found is None:
        raise BadChange(
            "later changes of {file} touch the same lines as change {number}: open the file as it was, and decide",
            file=change.file, number=change.config_change_id,
        )  # fmt: skip
    return found.encode()


def _change(
    conn: Connection,
    folder: ConfigFolder,
    file: ConfigFile,
    made_of: Callable[[bytes | None], bytes | None],
    person: str,
    reason: str,
    now: datetime,
    takes_back: int | None = None,
) -> int:
    """Replace a file by an edit of it; its old content comes back where the change cannot be committed."""
    if not reason.strip():
        raise BadChange("a change needs a reason")
    before = after = None
    is_put = False
    try:
        with conn.transaction():
            conn.execute("select pg_advisory_xact_lock(%s)", [FILES_LOCK])
            before = folder.read(file)
            after = made_of(before)
            if before == after:
                raise BadChange("{file} says this already: nothing changes", file=file.name)
            checked(folder, file, _text(file, after))
            _refuse_people(file, before, after)
            number = _record(conn, [now, person, reason, file.name, before, after, takes_back])
            try:
                folder.replace(file, before, after)
            except OtherContent as other:
                raise _meanwhile(conn, file, other.found) from other
            is_put = True
    except psycopg.Error:
        if is_put:
            with suppress(OtherContent, FileNotOurs):
                folder.replace(file, after, before)
        raise
    return number


def _refuse_people(file: ConfigFile, *contents: bytes | None) -> None:
    """Raise BadChange for contacts: the rows of a change stay for ever, where no erasure reaches them."""
    for content in contents:
        line = None if content is None else contacts_line(content)
        if line is None and content is not None and not file.folder and (found := _ADDRESS.search(content)):
            line = _line_at(content, found.end())
        if line is not None:
            raise BadChange(
                "{file} names contacts in line {line}, be it in a comment, and a change of it would be kept for ever: "
                "move them to the database (quantrac contacts), and take them out of the file at a shell",
                file=file.name, line=line,
            )  # fmt: skip


def contacts_line(content: bytes) -> int | None:
    """Return where a file names contacts, in a comment or however it spells the key; None: nowhere. Pure."""
    if found := _NAMES_PEOPLE.search(content):
        return _line_at(content, found.end())
    try:
        root = compose(str(content, "utf-8"))
    except (BadSource, UnicodeDecodeError):
        return None
    pairs = root.value if isinstance(root, MappingNode) else []
    return next((key.start_mark.line + 1 for key, value in pairs if key.value == "contacts" and value.value), None)


def _line_at(content: bytes, place: int) -> int:
    return content.count(b"\n", 0, place) + 1


def _record(conn: Connection, row: list[Any]) -> int:
    now, person, reason, file, before, after, takes_back = row
    number: int = conn.execute(CHANGE, row).fetchall()[0][0]
    detail = {"change": number, "before": digest_of(before)[:12], "after": digest_of(after)[:12]}
    changed = "edit" if takes_back is None else "take back"
    audit.record(
        conn, now, person, changed, f"file {file}", reason, detail | ({"of": takes_back} if takes_back else {})
    )
    return number


def _meanwhile(conn: Connection, file: ConfigFile, found: bytes | None) -> ChangedMeanwhile:
    if found is None:
        return ChangedMeanwhile("{file} is gone since you opened it: look, then decide", file=file.name)
    wrote = changed_by(conn, file, found)
    if wrote is None:
        return ChangedMeanwhile(
            "{file} was changed at a shell since you opened it: look at what it says now, then decide", file=file.name
        )
    return ChangedMeanwhile(
        "{file} was changed by {by} at {at}, after you opened it: look at what it says now, then decide",
        file=file.name, by=wrote[0], at=wrote[1],
    )  # fmt: skip


def _written_as(text: str, before: bytes | None) -> bytes:
    """Return the bytes of a text; a browser's lines end with LF, those of a file that was made elsewhere with CRLF."""
    if before is not None and b"\r\n" in before and "\r" not in text:
        text = text.replace("\n", "\r\n")
    return text.encode()


def _text(file: ConfigFile, content: bytes | None) -> str | None:
    try:
        return None if content is None else str(content, "utf-8")
    except UnicodeDecodeError as error:
        raise BadChange("{file} would be no UTF-8 text", file=file.name) from error
