"""Connections to the database, all set up alike, and rows of it as dataclasses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import fields
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from quantrac.telemetry.errors import QuantracError

Row = TypeVar("Row")
Connection = psycopg.Connection[tuple[Any, ...]]
"""A connection whose rows are plain tuples."""
Connect = Callable[[], AbstractContextManager[Connection]]
"""Gives a connection for a block: nobody keeps one while something slow is waited for."""

CONNECT_TIMEOUT_S = 10
OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "TimeZone=UTC",
        "timescaledb.max_tuples_decompressed_per_dml_transaction=0",
        "jit=off",
        "work_mem=32MB",
        "statement_timeout={timeout_s}s",
    )
)
"""No limit on what a transaction may unpack: late readings must go into compressed weeks, however many they are.
Statements for thousands of channels cost enough for PostgreSQL to compile them, which takes longer than they do, and
sort more than the 4 MB of its default."""
NO_TIMEOUT_S = 0
READING_WAIT_S = 2.0
"""Longest wait of a program for a connection."""

VANISHED = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 60_000}
"""libpq's words (seconds; the last one milliseconds): a server whose machine or link is gone says nothing, and Linux
would wait for it for 15 minutes, or for two hours."""


class DatabaseUnreachable(QuantracError):
    """No connection could be made; the text names the address (without password) and the server's reason."""


class BadDatabaseAddress(QuantracError):
    """The text is no address of a database."""

    exit_code = 2


def connect(url: str, application_name: str) -> Connection:
    """Open one connection in autocommit, so that a transaction is what `with conn.transaction():` says and no more.

    The session's time zone is UTC. Raises DatabaseUnreachable, BadDatabaseAddress.
    """
    try:
        return psycopg.connect(url, **_settings(application_name))
    except psycopg.OperationalError as error:
        raise DatabaseUnreachable(f"database {address(url)}: {one_line(error)}") from error
    except psycopg.ProgrammingError:  # the text is not repeated: it may hold a password
        raise BadDatabaseAddress(
            "QUANTRAC_DATABASE_URL: found no address, expected postgresql://user@host:port/database"
        ) from None


def _settings(application_name: str, timeout_s: int = NO_TIMEOUT_S) -> dict[str, Any]:
    return {
        "autocommit": True,
        "application_name": application_name,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "options": OPTIONS.format(timeout_s=timeout_s),
        **VANISHED,
    }


def open_pool(
    url: str, application_name: str, *, most: int = 4, timeout_s: int = NO_TIMEOUT_S
) -> ConnectionPool[Connection]:
    """Make a pool of such connections for a service with several threads; the caller opens and closes it.

    Each statement is planned for what it is asked: of those that may ask for one station or for all, the plan that fits
    both, which PostgreSQL takes from the tenth time on, took twenty times as long for one. `timeout_s`: how long a
    statement may take.
    """
    settings = _settings(application_name, timeout_s)
    settings["options"] += " -c plan_cache_mode=force_custom_plan"
    return ConnectionPool(
        url,
        min_size=1,
        max_size=most,
        open=False,
        kwargs=settings,
        name=application_name,
        timeout=CONNECT_TIMEOUT_S,
    )


def open_reading_pool(
    url: str, application_name: str, *, most: int, timeout_s: int, waiting: int
) -> ConnectionPool[Connection]:
    """Make a pool for what programs read: its statements write nothing, and each ends after `timeout_s`.

    Where the user may, its sessions have the rights of `quantrac_reader`: the public views and nothing else. Who finds
    so many others `waiting` for a connection is refused at once.
    """
    settings = _settings(application_name, timeout_s)
    settings["options"] += " -c plan_cache_mode=force_custom_plan -c default_transaction_read_only=on"
    return ConnectionPool(
        url,
        min_size=1,
        max_size=most,
        open=False,
        kwargs=settings,
        configure=_as_reader,
        name=application_name,
        timeout=READING_WAIT_S,
        max_waiting=waiting,
    )


def _as_reader(conn: Connection) -> None:
    """Have the rights of the reader alone; a user who is no member of it keeps his own."""
    with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue):
        conn.execute("set role quantrac_reader")


def rows_of(
    conn: Connection, row: type[Row], query: str, parameters: Mapping[str, object] | Sequence[object] = ()
) -> list[Row]:
    """Return the rows of a query as a dataclass whose fields are named as the columns."""
    with conn.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(query, parameters).fetchall()


def columns_of(row: type[Any]) -> str:
    """Return the fields of a dataclass as a list of columns."""
    return ", ".join(field.name for field in fields(row))


def address(url: str) -> str:
    """Return `host:port/database` of a connection string, of several hosts each: what may stand in a log."""
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "(address not readable)"
    hosts, ports = (
        str(parts.get(key, default)).split(",") for key, default in (("host", "local socket"), ("port", ""))
    )
    ports = ports * len(hosts) if len(ports) == 1 else ports  # libpq: one port serves every host
    places = ",".join(f"{host}:{port or 5432}" for host, port in zip(hosts, ports, strict=False))
    return f"{places}/{parts.get('dbname', '')}"


def one_line(error: Exception) -> str:
    """Return a driver's message without its line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
