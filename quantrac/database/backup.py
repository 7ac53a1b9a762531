"""Backup and restore: PostgreSQL's own custom format, one consistent moment, while everything runs.

TimescaleDB must be told before and after a restore (`timescaledb_pre_restore`, `timescaledb_post_restore`, which it
allows a superuser only), and its version must be the one of the backup. The owner of the database may write backups.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg

from quantrac.database.migration import OWNER, ensure_extension, ensure_roles
from quantrac.database.pool import address, connect, one_line
from quantrac.database.schema import ProgramFailed, run, run_on
from quantrac.telemetry.errors import QuantracError

PREFIX: Final = "quantrac-"
SUFFIX: Final = ".dump"
NAME: Final = f"{PREFIX}%Y%m%dT%H%M%SZ{SUFFIX}"
PART: Final = ".part"
LONGEST_SILENCE: Final = timedelta(days=1)
"""A part that nothing was written to for so long is nobody's: its run was ended."""

OCCUPIED: Final = """
select string_agg(c.relname, ', ' order by c.relname) from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v', 'p')
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
"""

APACHE: Final = 'not supported under the current "apache" license'
COMPRESSED: Final = (
    " The backup holds compressed readings, which only TimescaleDB's Community edition can read: restore it there."
)

NEEDS_SUPERUSER: Final = (
    "TimescaleDB lets only a superuser restore: give quantrac db restore the address of one (QUANTRAC_DATABASE_URL). "
    "The tables get the owners that they had, and the services go on with their own users. Nothing was restored"
)


class BackupFailed(QuantracError):
    """No backup was written; the text says why."""


class RestoreFailed(QuantracError):
    """The database was not restored; the text says why, and what state it is in."""


def backup(url: str, file: Path) -> int:
    """Write the whole database as it stands at one moment; returns the bytes. An existing file is replaced at the end.

    The file holds contacts and readings: it is readable by its owner only. Raises BackupFailed.
    """
    part = file.with_name(file.name + PART)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)  # of a run that was killed
        part.touch(mode=0o600)
        run_on(url, "pg_dump", "--format=custom", "--no-password", "--file", str(part))
        run("pg_restore", "--list", str(part))  # can it be read?
        part.replace(file)
    except (OSError, ProgramFailed) as error:
        raise BackupFailed(f"{file}: {error}{_advice(error)}") from error
    finally:
        part.unlink(missing_ok=True)
    return file.stat().st_size


def _advice(error: Exception) -> str:
    """Return what to do about a right that is missing; the shipped unit forbids to write outside the state folder."""
    if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return (
            "; make the folder, give it to the service's user, and name it in ReadWritePaths= of quantrac@jobs.service"
        )
    if "permission denied" in str(error):
        return "; grant quantrac_backup to the user who writes backups"
    return ""


def backup_into(url: str, folder: Path, keep: int, now: datetime) -> tuple[Path, list[Path]]:
    """Write a backup named after `now` into a folder and remove all but the newest `keep` of ours; returns both.

    What ended runs have left unfinished goes as well: it holds as much as a backup, and nothing else would remove it.
    """
    for left in folder.glob(f"{PREFIX}*{SUFFIX}{PART}"):
        with suppress(OSError):  # another run has ended it just now, or it is somebody else's
            if datetime.fromtimestamp(left.stat().st_mtime, UTC) < now - LONGEST_SILENCE:
                left.unlink()
    file = folder / now.astimezone(UTC).strftime(NAME)
    backup(url, file)
    old = sorted(folder.glob(f"{PREFIX}*{SUFFIX}"), reverse=True)[keep:]
    for each in old:
        each.unlink()
    return file, old


def restore(url: str, file: Path) -> None:
    """Fill an empty database from a backup. Raises RestoreFailed, MigrationError, DatabaseUnreachable."""
    if not file.is_file():
        raise RestoreFailed(f"{file}: no such file")
    try:
        run("pg_restore", "--list", str(file))
    except ProgramFailed as error:
        raise RestoreFailed(f"{file}: no backup that can be read: {error}. Nothing was restored") from error
    with connect(url, "quantrac db restore") as conn:
        occupied = conn.execute(OCCUPIED).fetchone()
        if occupied is not None and occupied[0] is not None:
            raise RestoreFailed(
                f"database {address(url)}: found tables ({occupied[0][:200]}), expected an empty database: "
                "createdb a new one and restore into that"
            )
        ensure_extension(conn)
        with_roles = ensure_roles(conn)
        if with_roles:
            conn.execute(f"grant usage, create on schema public to {OWNER}")
        try:
            conn.execute("select timescaledb_pre_restore()")
        except psycopg.errors.InsufficientPrivilege as error:
            raise RestoreFailed(f"database {address(url)}: {one_line(error)}. {NEEDS_SUPERUSER}") from error
    try:
        ours = [] if with_roles else ["--no-owner", "--no-privileges"]
        run_on(url, "pg_restore", "--exit-on-error", "--no-password", *ours, str(file))
    except ProgramFailed as error:
        needs = COMPRESSED if APACHE in str(error) else ""
        raise RestoreFailed(
            f"{file}: {error}.{needs} The database is half filled: drop it and restore into a new one"
        ) from error
    finally:
        with connect(url, "quantrac db restore") as conn:
            conn.execute("select timescaledb_post_restore()")
    with connect(url, "quantrac db restore") as conn:
        conn.execute("analyze")
