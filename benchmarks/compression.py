"""Cost and gain of compressing old weeks, on a server with TimescaleDB's Community edition that the user names.

The six stations' 90 channels at one minute, two weeks long, some ten weeks ago; a gap of a day at one station is filled
late. Everything is measured on the same rows before and after they are compressed.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg

from benchmarks.servers import PROJECT, scalar
from benchmarks.year import RAW_WEEK, measured
from ingest.books.receipt import Receipt
from ingest.receiving import registry_table
from ingest.receiving.batch import prepare
from ingest.rollups.consumer import rebuild
from ingest.storing.transaction import store
from quantrac.config.loader import load_network
from quantrac.database.edition import tune
from quantrac.database.migration import migrate
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from quantrac.mqtt.delivery import Delivery

STATION: Final = "st-my-thanh"
DAYS: Final = 14
BATCH: Final = 500
# Two decimals, a tide, the noise of a good probe; one time of receipt a station and minute.
FILL: Final = """
insert into reading
select c.channel_id, t,
       round((10 + 3 * sin(extract(epoch from t) / 7116 + c.channel_id) + 0.02 * random_normal())::numeric, 2)::float8,
       case when random() < 0.005 then 1 else 0 end, 0, t + jitter
from (
  select t, s.station, interval '0.4 seconds' + random() * interval '0.3 seconds' as jitter
  from generate_series(%(low)s::timestamptz + interval '1 minute', %(high)s, interval '1 minute') t, station s
) m join (
  select channel_id, station, row_number() over (partition by station order by channel_id) as nr from channel
) c on c.station = m.station and c.nr <= 15
where not (m.station = %(station)s and t > %(gap)s and t <= %(gap)s + interval '1 day')
order by t, c.channel_id
"""
NAMES: Final = "select name from channel where station = %s order by channel_id limit 15"
BYTES: Final = "select sum(total_bytes)::float8 from chunks_detailed_size('reading')"
COMPRESS: Final = "select compress_chunk(chunk) from show_chunks('reading') chunk"


@dataclass(frozen=True)
class Weeks:
    """A filled database and where its gap is."""

    conn: Connection
    first: datetime
    gap: datetime
    names: list[str]


def run(community: str | None) -> Iterator[str]:
    """Measure bytes, reads and late readings before and after; one line a figure."""
    if community is None:
        raise SystemExit("compression: name a server with TimescaleDB's Community edition: --community URL")
    with filled(community) as weeks:
        readings = scalar(weeks.conn, "select count(*) from reading")
        yield f"{readings:,} readings"
        for half, state in enumerate(("as they came", "compressed")):
            size = scalar(weeks.conn, BYTES) / readings
            for line in (
                f"{size:.1f} bytes a reading on disk, with key and receive time",
                *_read(weeks),
                *_come_late(weeks, half),
            ):
                yield f"{state}: {line}"
            if half == 0:
                begun = time.monotonic()
                weeks.conn.execute(COMPRESS)
                yield f"compressing: {readings / (time.monotonic() - begun):,.0f} readings/s"
                weeks.conn.execute("vacuum analyze")
        begun = time.monotonic()
        weeks.conn.execute(COMPRESS)
        yield f"taking in what came late: {(time.monotonic() - begun) * 1000:.0f} ms"


@contextlib.contextmanager
def filled(community: str) -> Iterator[Weeks]:
    """Make a database on the server, fill it; it is dropped at the end."""
    name = f"quantrac_bench_{os.getpid()}"
    with psycopg.connect(community, autocommit=True) as server:
        server.execute(f"create database {name}")
        try:
            url = urlunsplit(urlsplit(community)._replace(path=f"/{name}"))
            migrate(url)
            with connect(url, "benchmark") as conn:
                tune(conn)
            with connect(url, "benchmark") as conn:
                yield _fill(conn)
        finally:
            server.execute(f"drop database {name} with (force)")


def _fill(conn: Connection) -> Weeks:
    now = datetime.now(UTC)
    apply_network(conn, load_network(PROJECT / "station_configs"), "benchmark", now)
    first = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=70)
    gap = first + timedelta(days=9)
    conn.execute(FILL, {"low": first, "high": first + timedelta(days=DAYS), "station": STATION, "gap": gap})
    conn.execute("vacuum analyze")
    return Weeks(conn, first, gap, [name for (name,) in conn.execute(NAMES, [STATION])])


def _read(weeks: Weeks) -> Iterator[str]:
    """A week raw of one channel as the reader's role, and the roll-ups of a week of all channels."""
    conn, middle = weeks.conn, weeks.first + timedelta(days=3)
    week = [f"st-tran-de/{weeks.names[0]}", middle, middle + timedelta(days=7)]
    yield measured(conn, "a week raw of one channel", RAW_WEEK, week)
    begun = time.monotonic()
    made = sum(hours for _, hours in rebuild(conn, middle, middle + timedelta(days=7)))
    yield (f"roll-ups of a week, {made * 60 / (time.monotonic() - begun):,.0f} readings/s")


def _come_late(weeks: Weeks, half: int) -> Iterator[str]:
    """Half a day of a station comes late, then again, then with other values under other seqs."""
    conn = weeks.conn
    first = 720 * half
    registry = registry_table.load(conn)
    for what, epoch, value in (("new", "late", 7.0), ("known", "late", 7.0), ("conflicting", "clone", 8.0)):
        receipts = [_receipt(weeks, f"{epoch}{half}", minute, value) for minute in range(first + 1, first + 721)]
        begun = time.monotonic()
        for at in range(0, len(receipts), BATCH):
            store(conn, prepare(receipts[at : at + BATCH], registry))
        rate = len(receipts) * len(weeks.names) / (time.monotonic() - begun)
        yield f"{what} readings come late, {rate:,.0f} readings/s"


def _receipt(weeks: Weeks, epoch: str, minute: int, value: float) -> Receipt:
    t = int((weeks.gap + timedelta(minutes=minute)).timestamp() * 1000)
    payload = {"epoch": epoch, "seq": minute, "t": t, "r": [[name, value, "ok"] for name in weeks.names]}
    data = json.dumps(payload).encode()
    topic = f"quantrac/v1/{STATION}/backfill"
    return Receipt(Delivery(topic, data, 1, 1, False, False, len(data), None, ()), int(time.time() * 1e6))
