"""Tunes the database for its TimescaleDB edition: idempotent, run after every migration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import psycopg
from psycopg import sql

from quantrac.database.pool import Connection

Edition = Literal["apache", "community"]

RANDOM_PAGE_COST: Final = 1.1
COMPRESS = """
alter table reading set (timescaledb.compress, timescaledb.compress_segmentby = 'channel_id',
                         timescaledb.compress_orderby = 'time')
"""


@dataclass(frozen=True, slots=True)
class Server:
    """The versions and the edition of a server."""

    postgres: str
    timescaledb: str
    edition: Edition


def server(conn: Connection) -> Server:
    """Return the versions and the edition of the server."""
    conn.execute("select from reading limit 0")  # loads the extension, and with it its settings
    row = conn.execute(
        """select current_setting('server_version'), current_setting('timescaledb.license', true),
                  (select extversion from pg_extension where extname = 'timescaledb')"""
    ).fetchone()
    postgres, licence, timescaledb = row or ("", None, "")
    return Server(postgres.split()[0], timescaledb, "community" if licence == "timescale" else "apache")


def tune(conn: Connection) -> list[str]:
    """Switch on what the edition allows and return what is on now, one line each.

    Both: new sessions reckon that a random page costs little more than the next one, as on any SSD: a year of hourly
    values of a few channels is then read by its key, not by looking through all.
    Community: weeks of readings older than 60 days are compressed by `jobs run`, some 1000 readings of a channel, in
    order of time, to a row; later readings still go in.
    """
    planner = _expect_an_ssd(conn)
    if server(conn).edition == "apache":
        return [planner, "TimescaleDB Apache edition: no compression (that needs the Community edition)"]
    enabled = conn.execute(
        "select compression_enabled from timescaledb_information.hypertables where hypertable_name = 'reading'"
    ).fetchone()
    if enabled != (True,):
        conn.execute(COMPRESS)
    return [planner, "compression of readings older than 60 days, done by quantrac jobs run"]


def _expect_an_ssd(conn: Connection) -> str:
    done = f"random_page_cost = {RANDOM_PAGE_COST} for new sessions of this database"
    if conn.execute("select current_setting('random_page_cost')::float8").fetchone() == (RANDOM_PAGE_COST,):
        return done
    name = sql.Identifier(conn.info.dbname)
    try:
        with conn.transaction():
            conn.execute(sql.SQL("alter database {} set random_page_cost = {}").format(name, RANDOM_PAGE_COST))
    except psycopg.errors.InsufficientPrivilege:
        return f"random_page_cost is as the server has it: only the database's owner may set it to {RANDOM_PAGE_COST}"
    except psycopg.errors.InternalError_:
        pass  # another process is doing the same
    return done
