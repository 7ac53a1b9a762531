"""What the edition at hand can do better: idempotent, run after every migration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quantrac.database.pool import Connection

Edition = Literal["apache", "community"]

COMPRESS = """
alter table reading set (timescaledb.compress, timescaledb.compress_segmentby = 'channel_id',
                         timescaledb.compress_orderby = 'time')
"""
POLICY = "select add_compression_policy('reading', interval '30 days', if_not_exists => true)"


@dataclass(frozen=True, slots=True)
class Server:
    """What runs there."""

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

    Community: chunks of readings older than 30 days are compressed; later readings still go in.
    """
    if server(conn).edition == "apache":
        return ["TimescaleDB Apache edition: nothing to switch on (compression needs the Community edition)"]
    enabled = conn.execute(
        "select compression_enabled from timescaledb_information.hypertables where hypertable_name = 'reading'"
    ).fetchone()
    if enabled != (True,):
        conn.execute(COMPRESS)
    conn.execute(POLICY)
    return ["compression of readings older than 30 days"]
