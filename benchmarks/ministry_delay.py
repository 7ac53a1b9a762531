"""Time from the commit of the last reading of five minutes to that of the ministry's file that holds it.

`quantrac quality run` and `quantrac jobs run` as processes of their own, TimescaleDB with `fsync`. Stations of twelve
channels report one after the other; a minute of theirs takes twelve seconds here, so the load is five times that of a
network that reports each minute. The database says when each transaction was committed. Nobody takes the files: to
make them and to send them are two threads, and this is the first one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from benchmarks.network_files import station_name, write_network
from benchmarks.network_watch import Spread
from benchmarks.servers import Servers, running, servers, wait_until
from quantrac.config.loader import load_network
from quantrac.database.feed import Cause, NewChange, append_changes
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from quantrac.telemetry.ministry import SLOT
from quantrac.telemetry.slots import bucket_start

SIZES: Final = (6, 200)
"""Stations: the first network, and a large one."""
CHANNELS: Final = 12
MINUTE_S: Final = 12.0
MINUTE: Final = timedelta(minutes=1)
BACK: Final = timedelta(days=2)
"""So long ago their first minute is: their clocks go faster than ours."""
READINGS_OF_A_SLOT: Final = 5
RECEIVER: Final = {
    "host": "127.0.0.1",
    "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
}
STORE: Final = """
with sent as (
  select channel_id, round((5 + random())::numeric, 2)::float8 as value from channel
  where station = %(station)s and not derived)
insert into reading select channel_id, %(time)s, value, 0, 0, %(time)s from sent returning channel_id
"""
DELAYS: Final = """
select extract(epoch from pg_xact_commit_timestamp(f.xmin) - last.committed)::float8
from ministry_file f cross join lateral (
  select max(pg_xact_commit_timestamp(r.xmin)) as committed, count(distinct r.time) as times
  from reading r join channel c using (channel_id)
  where c.station = f.station and not c.derived and r.time > f.time - interval '5 minutes' and r.time <= f.time) last
where last.times = %(times)s
"""
FOLLOWED: Final = "select lag_rows = 0 from v_feed where consumer = 'ministry'"
SETTLE_S: Final = 120.0


def run(seconds: float) -> Iterator[str]:
    """Yield the spread for each size of network, measured so long."""
    for stations in SIZES:
        with servers([], {"track_commit_timestamp": "on"}) as real, connect(real.database, "benchmark") as conn:
            yield f"ministry, {stations} stations: {_measured(real, conn, stations, seconds)}"


def _measured(real: Servers, conn: Connection, stations: int, seconds: float) -> str:
    config = _config(real.folder / "configs", stations)
    apply_network(conn, load_network(config), "benchmark", datetime.now(UTC))
    settings = {"database_url": real.database, "config": config}
    with ExitStack() as stack:
        for service, consumer in (("quality", "quality"), ("jobs", "ministry")):
            log = real.folder / f"{service}.log"
            process = stack.enter_context(running(log, "quantrac", service, "run", **settings))
            wait_until(partial(_has_begun, conn, consumer), process, log)
        minutes = _report(conn, stations, seconds)
        until = time.monotonic() + SETTLE_S
        while conn.execute(FOLLOWED).fetchone() != (True,):
            assert time.monotonic() < until, "the maker does not keep up"
            time.sleep(0.5)
        delays = [delay for (delay,) in conn.execute(DELAYS, {"times": READINGS_OF_A_SLOT})]
    whole = stations * (minutes // READINGS_OF_A_SLOT)
    held = [delay for delay in delays if delay >= 0]  # a last reading that changed no byte changed no file
    return f"{Spread.of(held)}, {len(held)} of {whole} files"


def _has_begun(conn: Connection, consumer: str) -> bool:
    return conn.execute("select from consumer where consumer = %s", [consumer]).rowcount == 1


def _report(conn: Connection, stations: int, seconds: float) -> int:
    """Let all stations report in turn, minute after minute; return how many minutes of theirs have gone by."""
    time_of, order, minutes = bucket_start(datetime.now(UTC), SLOT) - BACK, list(range(stations)), 0
    begun = time.monotonic()
    while time.monotonic() - begun < seconds or minutes % READINGS_OF_A_SLOT:
        time_of, minutes = time_of + MINUTE, minutes + 1
        random.shuffle(order)
        for place, number in enumerate(order):
            due = begun + MINUTE_S * (minutes - 1 + place / stations)
            time.sleep(max(0.0, due - time.monotonic()))
            _store(conn, station_name(number), time_of)
    return minutes


def _store(conn: Connection, station: str, at: datetime) -> None:
    with conn.transaction():
        rows = conn.execute(STORE, {"station": station, "time": at}).fetchall()
        append_changes(conn, [NewChange(station, channel, at, at, 1, Cause.READING) for (channel,) in rows])


def _config(folder: Path, stations: int) -> Path:
    """Write the network, each station with its files for one receiver."""
    folder.mkdir()
    write_network(folder, stations, CHANNELS, MINUTE.total_seconds())
    yaml = YAML()
    network = yaml.load(folder / "network.yaml")
    network["receivers"] = {"department": RECEIVER}
    begins = (datetime.now(UTC) - BACK - timedelta(days=1)).date().isoformat()
    yaml.dump(network, folder / "network.yaml")
    for number in range(stations):
        file = folder / "stations" / f"{station_name(number)}.yaml"
        spec = yaml.load(file)
        spec["in_service"] = begins  # else the causes of years without readings are looked for meanwhile
        spec["ministry"] = {"code": f"ST_{number:05d}", "folder": "{code}", "receivers": ["department"]}
        yaml.dump(spec, file)
    return folder
