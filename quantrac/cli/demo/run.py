"""Runs the demo from beginning to end: starts everything, shows it, drains, judges, stops everything."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from alerts.telling.notification import MessageStatus
from edge_agent.spooling import inspection
from quantrac.cli.demo import report as reports
from quantrac.cli.demo.screen import Caught, Screen
from quantrac.cli.demo.servers import alone, prepare_database
from quantrac.cli.demo.system import OVERLAY, DemoError, DemoOptions, DemoSystem
from quantrac.config.loader import load_network

FIRST_READING_WITHIN_S: Final = 240.0
LOOK_EVERY_S: Final = 0.5
DRAIN_WITHIN_S: Final = 180
QUIET_WITHIN_S: Final = 180.0

UNDER_WAY: Final = f"""
select (select coalesce(sum(lag_rows), 0) from v_feed) + (select coalesce(sum(missing), 0) from v_ledger)
       + (select count(*) from v_notification where status = '{MessageStatus.QUEUED}')
"""  # noqa: S608 (a word of ours)


def run_demo(options: DemoOptions, say: Callable[[str], None], stopped: Callable[[], bool]) -> bool:
    """Start everything, run, drain, report, stop everything; returns whether the run is without fault.

    `say` takes lines for the person who looks, `stopped` tells whether that person wants it to end.
    """
    began = time.monotonic(), datetime.now(UTC)
    network = load_network(options.project / "station_configs", OVERLAY)
    with alone(options.project), DemoSystem(options, network, say) as system:
        steps = (
            system.start_servers,
            lambda: prepare_database(system.database_url, network),
            system.start_field,
            system.start_centre,
            system.start_agents,
        )
        for step in steps:
            if stopped():
                return True
            step()
        with psycopg.connect(system.database_url, autocommit=True, application_name="demo") as conn:
            first = _wait_for_first_reading(system, conn, began, stopped)
            if first is None:
                return True
            say(f"first reading after {first:.1f} s")
            system.show_console(stopped)
            caught = Caught(system.caught)
            _play(system, conn, caught, options.seconds, stopped)
            if options.seconds is None:
                return True
            say("draining: no more samples, everything read is sent and acknowledged")
            produced = _drain_agents(system)
            _wait_until_quiet(conn)
            for message in caught.news():
                say(message)
            result = reports.make_report(conn, system, produced, first)
        reports.publish(result, options.report, say)
        return result.faultless


def _wait_for_first_reading(
    system: DemoSystem, conn: psycopg.Connection[Any], began: tuple[float, datetime], stopped: Callable[[], bool]
) -> float | None:
    """Return the seconds from the start to the first reading received since; None when stopped before."""
    while not conn.execute("select from v_latest where received_at > %s limit 1", [began[1]]).rowcount:
        system.watch()
        if stopped():
            return None
        if time.monotonic() - began[0] > FIRST_READING_WITHIN_S:
            raise DemoError(f"no reading within {FIRST_READING_WITHIN_S:.0f} s; logs: {system.supervisor.directory}")
        time.sleep(0.1)
    return time.monotonic() - began[0]


def _play(
    system: DemoSystem,
    conn: psycopg.Connection[Any],
    caught: Caught,
    seconds: float | None,
    stopped: Callable[[], bool],
) -> None:
    ends = None if seconds is None else time.monotonic() + seconds
    with Screen() as screen:
        while not stopped() and (ends is None or time.monotonic() < ends):
            system.watch()
            for message in caught.news():
                screen.say(message)
            screen.show(conn)
            time.sleep(LOOK_EVERY_S)


def _drain_agents(system: DemoSystem) -> int:
    """Let every agent finish; returns how many messages their spools have produced, by the spools' own count."""
    drains = [_drain(system, station) for station in system.network.stations]
    failed = [station for station, drain in zip(system.network.stations, drains, strict=True) if _await(system, drain)]
    if failed:
        raise DemoError(f"not drained within {DRAIN_WITHIN_S} s: {', '.join(failed)}")
    return sum(inspection.inspect(system.spool_of(station)).produced for station in system.network.stations)


def _drain(system: DemoSystem, station: str) -> subprocess.Popen[bytes]:
    system.supervisor.let_end(station)
    argv, env = system.agent_command(station, "drain", "--timeout", f"{DRAIN_WITHIN_S}s")
    with system.supervisor.log_of(f"{station}-drain").open("ab") as output:
        return subprocess.Popen(argv, env={**os.environ, **env}, stdout=output, stderr=output)


def _await(system: DemoSystem, drain: subprocess.Popen[bytes]) -> bool:
    while drain.poll() is None:
        system.watch()
        time.sleep(0.1)
    return drain.returncode != 0


def _wait_until_quiet(conn: psycopg.Connection[Any]) -> None:
    """Wait until no consumer lags, nothing is missing and no message to a person waits; for three minutes at most."""
    deadline = time.monotonic() + QUIET_WITHIN_S
    while conn.execute(UNDER_WAY).fetchone() != (0,) and time.monotonic() < deadline:
        time.sleep(0.2)
