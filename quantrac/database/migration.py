"""Migrations: numbered SQL files, forward only, one transaction each, under an advisory lock.

`migrate` does, in order: extension, roles (where it may), the numbered files that are not recorded yet, grants.
Everything is then owned by `quantrac_owner`, or by the migrating user where roles may not be made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Final

import psycopg
from psycopg import sql

from quantrac.database.outage import is_outage
from quantrac.database.pool import Connection, DatabaseUnreachable, address, connect, one_line
from quantrac.telemetry.errors import QuantracError

MIGRATE_LOCK: Final = 0x5154_0001
ENCODING: Final = "UTF8"
OWNER: Final = "quantrac_owner"
ROLES: Final = (OWNER, "quantrac_ingest", "quantrac_alerts", "quantrac_console", "quantrac_reader", "quantrac_backup")

STATE = """
select split_part(current_setting('server_version'), ' ', 1),
       (select extversion from pg_extension where extname = 'timescaledb'),
       (select coalesce(array_agg(rolname::text order by rolname), '{}') from pg_roles where rolname = any(%s)),
       pg_database_size(current_database())
"""
RECORD = """
create table if not exists migration (
  number int4 primary key, name text not null, sha256 text not null, applied_at timestamptz not null default now())
"""


STATEMENT_TIMEOUT: Final = "60s"
"""Of whoever connects and is no service of ours: Grafana, psql."""
TIMEOUT_IS_SET: Final = """
select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
where d.datname = current_database() and s.setrole = 0 and array_to_string(s.setconfig, ',') like '%statement_timeout=%'
"""


class MigrationError(QuantracError):
    """The database cannot be migrated; the text says what stands in the way and what to do."""


class NotMigrated(MigrationError):
    """The database is older than the program, or empty."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Digest that is recorded: an applied file may never be edited."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """How far a database is: versions, names of migrations, the roles that exist, its size in bytes."""

    postgres: str
    timescaledb: str | None
    applied: list[str]
    pending: list[str]
    roles: list[str]
    bytes: int


def migrations() -> list[Migration]:
    """Return the files of `migrations/`, by number. Raises MigrationError if a number is missing or taken twice."""
    folder = resources.files("quantrac.database") / "migrations"
    found = sorted(
        (
            Migration(int(file.name[:4]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
            for file in folder.iterdir()
            if file.name.endswith(".sql")
        ),
        key=lambda migration: migration.number,
    )
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise MigrationError(f"migrations/{migration.name}.sql: found {migration.number}, expected {expected}")
    return found


def migrate(url: str, say: Callable[[str], None] | None = None) -> list[str]:
    """Bring the database to the newest state and return the names of the migrations applied now.

    Where the user may not make roles the migration goes on without, and `say` gets the script that an administrator
    can run.
    Raises MigrationError, DatabaseUnreachable.
    """
    with connect(url, "quantrac db migrate") as conn:
        conn.execute("set client_min_messages = warning")
        conn.execute("select pg_advisory_lock(%s)", [MIGRATE_LOCK])
        try:
            return _migrate(conn, say or (lambda _: None))
        finally:
            if not conn.broken:
                conn.execute("reset role")
                conn.execute("select pg_advisory_unlock(%s)", [MIGRATE_LOCK])


def _migrate(conn: Connection, say: Callable[[str], None]) -> list[str]:
    refuse_other_encoding(conn)
    ensure_extension(conn)
    with_roles = ensure_roles(conn)
    if with_roles:
        become_owner(conn)
    else:
        say(role_script())
    conn.execute(RECORD)
    todo = pending(conn)
    for migration in todo:
        _apply(conn, migration)
    if with_roles:
        with conn.transaction():
            conn.execute(statement(read("grants.sql")))
    _bound_statements(conn, say)
    return [migration.name for migration in todo]


def _bound_statements(conn: Connection, say: Callable[[str], None]) -> None:
    """Let statements of people and dashboards end after a minute, unless somebody has set another limit here.

    It is a default of the database, because settings of a group do not reach its members. Services set their own.
    """
    if conn.execute(TIMEOUT_IS_SET).fetchone() is not None:
        return
    row = conn.execute("select current_database()").fetchone()
    assert row is not None
    command = sql.SQL("alter database {} set statement_timeout = {}").format(sql.Identifier(row[0]), STATEMENT_TIMEOUT)
    try:
        conn.execute("reset role")
        conn.execute(command)
    except psycopg.errors.InsufficientPrivilege:
        say(f"-- Statements of people have no limit here; the database's owner may set one: {command.as_string(conn)}")


def refuse_other_encoding(conn: Connection) -> None:
    """Raise MigrationError unless the database is of encoding UTF8: in no other one can every name be written."""
    found = conn.info.parameter_status("server_encoding")
    if found != ENCODING:
        name, owner = conn.info.dbname, conn.info.user
        raise MigrationError(
            f"database {name} has the encoding {found}, expected {ENCODING}; without --encoding it follows the LANG "
            f"under which PostgreSQL was set up. Let a superuser drop it and make it anew: createdb --owner {owner} "
            f"--encoding {ENCODING} --locale C.UTF-8 --template template0 {name}"
        )


def ensure_extension(conn: Connection) -> None:
    """Create extension timescaledb where it is absent. Raises MigrationError."""
    if conn.execute("select from pg_extension where extname = 'timescaledb'").fetchone() is not None:
        return
    try:
        conn.execute("create extension if not exists timescaledb")
    except psycopg.Error as error:
        raise MigrationError(
            f"extension timescaledb is not in this database and cannot be created: {one_line(error)}. "
            "Install TimescaleDB, set shared_preload_libraries = 'timescaledb', restart PostgreSQL, "
            "and let a superuser run: create extension timescaledb"
        ) from error


def ensure_roles(conn: Connection) -> bool:
    """Make the roles that are absent; return whether all exist and the user is or may become a member of the owner."""
    try:
        conn.execute(statement(read("roles.sql")))
        if conn.execute("select pg_has_role(current_user, %s, 'usage')", [OWNER]).fetchone() != (True,):
            conn.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(OWNER)))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidGrantOperation):
        return False
    except (psycopg.errors.UniqueViolation, psycopg.errors.InternalError_):
        return ensure_roles(conn)  # a migration of another database of the cluster is doing the same
    return True


def become_owner(conn: Connection) -> None:
    """Make what follows belong to the owner role; where a user without roles began, that user stays the owner."""
    begun_by = conn.execute("select tableowner from pg_tables where tablename = 'migration'").fetchone()
    if begun_by not in (None, (OWNER,)):
        return
    conn.execute(sql.SQL("grant usage, create on schema public to {}").format(sql.Identifier(OWNER)))
    conn.execute(sql.SQL("set role {}").format(sql.Identifier(OWNER)))


def role_script() -> str:
    """Return what an administrator runs once where the migrating user may not make roles; then migrate again."""
    return (
        "-- This user may not make the roles of Quantrac. Without them everything works for this user; to give\n"
        "-- services lesser rights let an administrator run the following, and run `quantrac db migrate` again.\n"
        f"{read('roles.sql')}grant {OWNER} to current_user; -- instead of current_user: the migrating user\n"
    )


def pending(conn: Connection) -> list[Migration]:
    """Return what has not been applied.

    Raises MigrationError if the database is newer, a file has been edited, or it cannot hold Vietnamese.
    """
    refuse_other_encoding(conn)
    applied = _applied(conn)
    known = {migration.number: migration for migration in migrations()}
    for number, (name, digest) in applied.items():
        if number not in known:
            raise MigrationError(f"the database has migration {name}, unknown to this version: upgrade Quantrac")
        if known[number].sha256 != digest:
            raise MigrationError(f"migrations/{name}.sql was changed after it was applied here: add a new file instead")
    return [migration for number, migration in known.items() if number not in applied]


def state(conn: Connection) -> DatabaseState:
    """Return how far the database is; changes nothing."""
    row = conn.execute(STATE, [list(ROLES)]).fetchone()
    postgres, timescaledb, roles, size = row or ("", None, [], 0)
    applied = [name for name, _ in _applied(conn).values()]
    return DatabaseState(postgres, timescaledb, applied, [migration.name for migration in pending(conn)], roles, size)


def connect_migrated(url: str, application_name: str) -> Connection:
    """Open a connection to a database that is at this version.

    Raises NotMigrated, MigrationError, DatabaseUnreachable.
    """
    conn = connect(url, application_name)
    try:
        todo = pending(conn)
        if todo:
            raise NotMigrated(
                f"database {address(url)} is older than this program, pending: "
                f"{', '.join(migration.name for migration in todo)}; run quantrac db migrate"
            )
    except BaseException:
        conn.close()
        raise
    return conn


def refuse_old_database(url: str, application_name: str) -> None:
    """Raise NotMigrated where `db migrate` is due; a database that is away is left to those who wait for it."""
    try:
        connect_migrated(url, application_name).close()
    except (DatabaseUnreachable, psycopg.Error) as error:  # also one that stops between connection and question
        if not is_outage(error):
            raise


def _applied(conn: Connection) -> dict[int, tuple[str, str]]:
    if conn.execute("select to_regclass('public.migration')").fetchone() == (None,):
        return {}
    rows = conn.execute("select number, name, sha256 from migration order by number").fetchall()
    return {number: (name, digest) for number, name, digest in rows}


def _apply(conn: Connection, migration: Migration) -> None:
    try:
        with conn.transaction():
            conn.execute(statement(migration.text))
            conn.execute(
                "insert into migration (number, name, sha256) values (%s, %s, %s)",
                [migration.number, migration.name, migration.sha256],
            )
    except psycopg.Error as error:
        raise MigrationError(f"migrations/{migration.name}.sql: {one_line(error)}") from error


def statement(text: str) -> sql.SQL:
    """Make a statement of one of our own SQL files."""
    return sql.SQL(text)


def read(name: str) -> str:
    """Return the text of an SQL file of this package."""
    return (resources.files("quantrac.database") / name).read_text("utf-8")
