"""Tunes the database for its TimescaleDB edition: idempotent, run after every migration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import psycopg
from psycopg import sql

from quantrac.database.pool import Connection

Edition = Literal["apache", "community"]

RANDOM_PAGE_COST: Final = "1.1"
PLANS: Final = "force_custom_plan"
"""A plan that was made before a reading came to a compressed week does not see it, and TimescaleDB (2.19) keeps it."""
COMPRESS = """
alter table reading set (timescaledb.compress, timescaledb.compress_segmentby = 'channel_id',
                         timescaledb.compress_orderby = 'time')
"""

SET_FOR_ALL: Final = """
select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
where d.datname = current_database() and s.setrole = 0 and %(setting)s || '=' || %(value)s = any(s.setconfig)
union all
select from pg_settings where name = %(setting)s and setting = %(value)s and source <> 'client'
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
    order of time, to a row; later readings still go in. So that everybody sees these, statements are planned each time.
    """
    planner = _set_for_all(conn, "random_page_cost", RANDOM_PAGE_COST)
    if server(conn).edition == "apache":
        return [planner or UNSET, "TimescaleDB Apache edition: no compression (that needs the Community edition)"]
    enabled = conn.execute(
        "select compression_enabled from timescaledb_information.hypertables where hypertable_name = 'reading'"
    ).fetchone()
    plans = _set_for_all(conn, "plan_cache_mode", PLANS)
    if plans is None and enabled != (True,):
        return [planner or UNSET, f"no compression: {OWNER_FIRST}"]
    if enabled != (True,):
        conn.execute(COMPRESS)
    on = "compression of readings older than 60 days, done by quantrac jobs run"
    return [planner or UNSET, on, plans or f"late readings of compressed weeks may be missed: {OWNER_FIRST}"]


UNSET: Final = f"random_page_cost is as the server has it: only the database's owner may set it to {RANDOM_PAGE_COST}"
OWNER_FIRST: Final = (
    f"first the database's owner has to do this, then quantrac db tune: alter database … set plan_cache_mode = {PLANS}"
)


def _set_for_all(conn: Connection, setting: str, value: str) -> str | None:
    """Set it for new sessions of this database and say so; None where only the database's owner may."""
    done = f"{setting} = {value} for new sessions of this database"
    if conn.execute(SET_FOR_ALL, {"setting": setting, "value": value}).rowcount:
        return done
    name = sql.Identifier(conn.info.dbname)
    try:
        with conn.transaction():
            conn.execute(
                sql.SQL("alter database {} set {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
            )
    except psycopg.errors.InsufficientPrivilege:
        return None
    except psycopg.errors.InternalError_:
        pass  # another process is doing the same
    return done
