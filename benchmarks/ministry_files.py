"""Time from a change of readings to the ministry's file at its receiver, and what making and sending it costs.

`quantrac jobs run` as a process of its own, TimescaleDB with `fsync`, an SFTP server in this process. Readings of all
stations come minute by minute, all at once; the fifth minute completes a slot that was over, so that nothing waits for
the ten seconds in which a file settles.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import asyncssh

from benchmarks.servers import PROJECT, database, running, wait_until
from quantrac.config.loader import load_network
from quantrac.database.feed import Cause, NewChange, append_changes
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from quantrac.private_services.place import private_folder
from quantrac.telemetry.ministry import SLOT

PATTERN: Final = "st-dai-ngai"
CODE: Final = "ST_STDN_NUO003"
CHANNELS: Final = 9
SLOTS: Final = 4
BOUND_S: Final = 60.0
MINUTE: Final = timedelta(minutes=1)
READINGS: Final = """
insert into reading (channel_id, time, value, state, tests, received_at)
select channel_id, %(time)s, 5.0, 0, 0, now() from channel where not derived order by channel_id
"""
THERE: Final = "select count(*) filter (where not owed) from ministry_sending where time = %s"
TOOK: Final = """
select extract(epoch from sent_at - %s)::float8 from ministry_sending where time = %s order by 1
"""


def run(counts: tuple[int, ...] = (6, 200)) -> Iterator[str]:
    """Yield the times of networks of so many stations, a line each."""
    for count in counts:
        with private_folder(PROJECT, "bench-") as folder, database(folder) as url, _receiver(folder) as receiver:
            config = _config(folder, count, receiver)
            with connect(url, "benchmark") as conn:
                apply_network(conn, load_network(config), "benchmark", datetime.now(UTC))
                conn.execute("update channel set history_tests = '{}'")
                settings = {"database_url": url, "config": config, "receiver_logins": folder / "logins"}
                log = folder / "jobs.log"
                with running(log, "quantrac", "jobs", "run", **settings) as process:
                    wait_until(partial(_follows, conn), process, log)
                    yield from _measured(conn, count, process.pid)


def _follows(conn: Connection) -> int:
    return conn.execute("select from consumer where consumer = 'ministry'").rowcount


def _measured(conn: Connection, count: int, pid: int) -> Iterator[str]:
    first = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 300 * 300, UTC) - 2 * SLOTS * SLOT
    stations = [name for (name,) in conn.execute("select station from station order by station")]
    times: list[float] = []
    before_s = _cpu_s(pid)
    for place in range(SLOTS):
        end = first + place * SLOT
        for minute in range(4, 0, -1):
            _store(conn, stations, end - minute * MINUTE)
        _wait_for(conn, end, count)
        began = _store(conn, stations, end)
        _wait_for(conn, end, count)
        times += [took for (took,) in conn.execute(TOOK, [began, end]) if took > 0]
    cpu_ms = 1000 * (_cpu_s(pid) - before_s) / (count * SLOTS)
    times.sort()
    yield (
        f"{count} stations of {CHANNELS} channels at once, change to file: median {times[len(times) // 2]:.1f} s,"
        f" worst {times[-1]:.1f} s; {cpu_ms:.0f} ms of a core a station and slot, two files made and sent in it"
    )


def _store(conn: Connection, stations: list[str], time: datetime) -> datetime:
    """Store a minute of all stations; return when it was committed."""
    with conn.transaction():
        conn.execute(READINGS, {"time": time})
        append_changes(conn, [NewChange(one, None, time, time, CHANNELS, Cause.READING) for one in stations])
    return datetime.now(UTC)


def _wait_for(conn: Connection, end: datetime, count: int) -> None:
    """Wait until the feed is read and each station's file of a slot is sent."""
    until = datetime.now(UTC) + timedelta(seconds=4 * BOUND_S)
    behind = "select position < (select max(id) from change) from consumer where consumer = 'ministry'"
    while conn.execute(behind).fetchone() != (False,) or conn.execute(THERE, [end]).fetchone() != (count,):
        assert datetime.now(UTC) < until, "the files are not sent"
        threading.Event().wait(0.05)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _config(folder: Path, count: int, receiver: str) -> Path:
    """Return a configuration of so many stations like one that is shipped, with one receiver."""
    root = Path(shutil.copytree(PROJECT / "station_configs", folder / "configs", ignore=shutil.ignore_patterns("demo")))
    network = (root / "network.yaml").read_text("utf-8")
    (root / "network.yaml").write_text(network.replace("\ndefaults:\n", f"\n{receiver}defaults:\n"), "utf-8")
    pattern = (root / "stations" / f"{PATTERN}.yaml").read_text("utf-8")
    shutil.rmtree(root / "rules")
    shutil.rmtree(root / "stations")
    (root / "stations").mkdir()
    for number in range(count):
        text = pattern.replace(PATTERN, f"st-{number:03}").replace(
            f"code: {CODE},", f"code: S{number:03}, receivers: [one],"
        )
        (root / "stations" / f"st-{number:03}.yaml").write_text(text, "utf-8")
    (folder / "logins").write_text("one bench password bench\n")
    return root


@contextmanager
def _receiver(folder: Path) -> Iterator[str]:
    """Serve SFTP; gives the receivers of a network.yaml."""
    (folder / "files").mkdir()
    key, loop = asyncssh.generate_private_key("ssh-ed25519"), asyncio.new_event_loop()

    class Everybody(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:  # noqa: ARG002
            return False

    async def listen() -> asyncssh.SSHAcceptor:
        root = str(folder / "files").encode()
        return await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[key], server_factory=Everybody,
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=root),
        )  # fmt: skip

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(BOUND_S)
    shown = key.export_public_key().decode().strip()
    try:
        yield f'receivers:\n  one: {{host: 127.0.0.1, port: {server.get_port()}, host_key: "{shown}"}}\n'
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(BOUND_S)
