"""Real servers for the benchmarks: TimescaleDB, Mosquitto, and our own services, each a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psycopg

from quantrac.database.migration import migrate
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.place import private_folder
from quantrac.private_services.postgres import PrivatePostgres

PROJECT = Path(__file__).parents[1]
SUBSCRIBED = b'"mqtt_subscribed", "client_id": "quantrac-ingest", '


@dataclass
class Servers:
    """A migrated database and a broker with users for the benchmark's stations."""

    database: str
    postgres: PrivatePostgres
    broker: PrivateMosquitto
    folder: Path

    @contextlib.contextmanager
    def ingest(self) -> Iterator[subprocess.Popen[bytes]]:
        """`quantrac ingest run` until the block ends, subscribed when the block begins."""
        log = self.folder / "ingest.log"
        settings = {"database_url": self.database, "mqtt_url": self.broker.url("ingest")}
        with running(log, "quantrac", "ingest", "run", **settings) as process:
            wait_until(lambda: SUBSCRIBED in log.read_bytes(), process, log)
            yield process


@contextlib.contextmanager
def running(log: Path, *command: str, **settings: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m COMMAND` until the block ends; it must end well. Settings are variables without QUANTRAC_."""
    variables = {f"QUANTRAC_{name.upper()}": str(value) for name, value in settings.items()}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=PROJECT, env={**os.environ, "QUANTRAC_LOG": "json", **variables},
            stdout=out, stderr=out,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(30) == 0, log.read_text()


def wait_until(done: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait, at most half a minute, for what a process does."""
    until = time.monotonic() + 30
    while not done():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.02)


@contextlib.contextmanager
def database(folder: Path, *, volatile: bool = False) -> Iterator[str]:
    """Start a cluster with a migrated database; gives its address."""
    with PrivatePostgres(folder / "pg", volatile=volatile) as postgres:
        url = postgres.create_database("bench")
        migrate(url)
        yield url


@contextlib.contextmanager
def servers(stations: list[str], settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Servers]:
    """Start a cluster and a broker in a folder of their own, and remove both afterwards.

    `settings` of postgresql.conf override those of the private cluster.
    """
    with (
        private_folder(PROJECT, "bench-") as folder,
        PrivatePostgres(folder / "pg", settings=settings) as postgres,
        PrivateMosquitto(folder / "mq", stations=stations) as broker,
    ):
        url = postgres.create_database("bench")
        migrate(url)
        yield Servers(url, postgres, broker, folder)


def memory_mb(pid: int) -> tuple[float, float]:
    """Return the resident set of a process now, and its largest."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, most = (int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) / 1000 for name in ("VmRSS", "VmHWM"))
    return now, most


def scalar(conn: psycopg.Connection, query: str) -> int:
    """Return the one number of a query."""
    row = conn.execute(query).fetchone()
    assert row is not None
    return int(row[0])
