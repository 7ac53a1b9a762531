"""Ends a run: the agents stop sampling, then everything read is sent, acknowledged, evaluated and handed over."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Any, Final

import psycopg

from alerts.telling.notification import MessageStatus
from quantrac.cli.demo.system import DemoError, DemoSystem

DRAIN_WITHIN_S: Final = 180
QUIET_WITHIN_S: Final = 180.0

LAG: Final = "select coalesce(sum(lag_rows), 0) from v_feed"
WAITING: Final = f"select count(*) from v_notification where status = '{MessageStatus.QUEUED}'"  # noqa: S608 (a word of ours)
MISSING: Final = "select coalesce(sum(missing), 0) from v_ledger"


def drain_agents(system: DemoSystem) -> int:
    """Let every agent finish; returns how many messages their spools have produced, by the spools' own count."""
    drains = [_drain(system, station) for station in system.network.stations]
    failed = [station for station, drain in zip(system.network.stations, drains, strict=True) if _await(system, drain)]
    if failed:
        raise DemoError(f"not drained within {DRAIN_WITHIN_S} s: {', '.join(failed)}")
    return sum(_produced(system, station) for station in system.network.stations)


def wait_until_quiet(conn: psycopg.Connection[Any]) -> None:
    """Wait until no consumer lags, nothing is missing and no message to a person waits; for three minutes at most."""
    deadline = time.monotonic() + QUIET_WITHIN_S
    while time.monotonic() < deadline:
        if not any(_number(conn, query) for query in (LAG, WAITING, MISSING)):
            return
        time.sleep(0.2)


def _drain(system: DemoSystem, station: str) -> subprocess.Popen[bytes]:
    system.supervisor.let_end(station)
    argv, env = system.agent_command(station, "drain", "--timeout", str(DRAIN_WITHIN_S))
    with system.supervisor.log_of(f"{station}-drain").open("ab") as output:
        return subprocess.Popen(argv, env={**os.environ, **env}, stdout=output, stderr=output)


def _await(system: DemoSystem, drain: subprocess.Popen[bytes]) -> bool:
    while drain.poll() is None:
        system.watch()
        time.sleep(0.1)
    return drain.returncode != 0


def _produced(system: DemoSystem, station: str) -> int:
    argv, env = system.agent_command(station, "spool", "status", "--json")
    done = subprocess.run(argv, env={**os.environ, **env}, capture_output=True, check=True)
    return int(json.loads(done.stdout)["produced"])


def _number(conn: psycopg.Connection[Any], query: str) -> int:
    row = conn.execute(query).fetchone()
    return int(row[0]) if row else 0
