"""Real servers for the benchmarks: durable TimescaleDB, Mosquitto, and the service itself as its own process."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from quantrac.database.migration import migrate
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.place import account_for, runtime_directory
from quantrac.private_services.postgres import PrivatePostgres

PROJECT = Path(__file__).parents[1]


@dataclass
class Servers:
    """A migrated database and a broker with users for the benchmark's stations."""

    database: str
    broker: PrivateMosquitto
    folder: Path

    @contextlib.contextmanager
    def ingest(self) -> Iterator[subprocess.Popen[bytes]]:
        """`quantrac ingest run` until the block ends, subscribed when the block begins."""
        log = self.folder / "ingest.log"
        log.write_bytes(b"")
        settings = {
            "QUANTRAC_DATABASE_URL": self.database,
            "QUANTRAC_MQTT_URL": self.broker.url("ingest"),
            "QUANTRAC_LOG": "json",
        }
        with log.open("ab") as out:
            command = [sys.executable, "-m", "quantrac", "ingest", "run"]
            process = subprocess.Popen(command, env={**os.environ, **settings}, stderr=out)
        try:
            until = time.monotonic() + 20
            while b'"mqtt_subscribed", "client_id": "quantrac-ingest", ' not in log.read_bytes():
                assert time.monotonic() < until, log.read_text()
                assert process.poll() is None, log.read_text()
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()
            assert process.wait(20) == 0, log.read_text()


@contextlib.contextmanager
def servers(stations: list[str]) -> Iterator[Servers]:
    """Start a cluster and a broker in a folder of their own, and remove both afterwards."""
    place = runtime_directory(PROJECT, account_for("postgres", "postgresql-17"), account_for("mosquitto", "mosquitto"))
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=place))
    folder.chmod(0o711)
    try:
        with (
            PrivatePostgres(folder / "pg") as postgres,
            PrivateMosquitto(folder / "mq", stations=stations) as broker,
        ):
            url = postgres.create_database("bench")
            migrate(url)
            yield Servers(url, broker, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def scalar(conn: psycopg.Connection, query: str) -> int:
    """Return the one number of a query."""
    row = conn.execute(query).fetchone()
    assert row is not None
    return int(row[0])
