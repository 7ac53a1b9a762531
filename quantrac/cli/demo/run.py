"""Runs the demo from beginning to end: starts everything, shows it, drains, judges, stops everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import psycopg

from quantrac.cli.demo import report as reports
from quantrac.cli.demo.drain import drain_agents, wait_until_quiet
from quantrac.cli.demo.screen import Caught, Screen
from quantrac.cli.demo.servers import alone, prepare_database
from quantrac.cli.demo.system import DemoError, DemoOptions, DemoSystem
from quantrac.config.loader import load_network

FIRST_READING_WITHIN_S: Final = 240.0
LOOK_EVERY_S: Final = 0.5


def run_demo(options: DemoOptions, say: Callable[[str], None], stopped: Callable[[], bool]) -> bool:
    """Start everything, run, drain, report, stop everything; returns whether the run is without fault.

    `say` takes lines for the person who looks, `stopped` tells whether that person wants it to end.
    """
    began = time.monotonic(), datetime.now(UTC)
    network = load_network(options.project / "station_configs", options.overlay)
    with alone(options.project), DemoSystem(options, network, say) as system:
        system.start_servers()
        prepare_database(system.database_url, network)
        system.start_field()
        system.start_centre()
        system.start_agents()
        with psycopg.connect(system.database_url, autocommit=True, application_name="demo") as conn:
            first = _wait_for_first_reading(system, conn, began, stopped)
            if first is None:
                return True
            say(f"first reading after {first:.1f} s")
            caught = Caught(system.caught)
            _play(system, conn, caught, options.seconds, stopped)
            if options.seconds is None:
                return True
            say("draining: no more samples, everything read is sent and acknowledged")
            produced = drain_agents(system)
            wait_until_quiet(conn)
            for message in caught.news():
                say(message)
            result = reports.make_report(conn, system, produced, first)
        reports.publish(result, options.report, say)
        return result.faultless


def _wait_for_first_reading(
    system: DemoSystem,
    conn: psycopg.Connection[tuple[object, ...]],
    began: tuple[float, datetime],
    stopped: Callable[[], bool],
) -> float | None:
    """Return the seconds from the start to the first reading received since; None when stopped before."""
    while not _has_reading_since(conn, began[1]):
        system.watch()
        if stopped():
            return None
        if time.monotonic() - began[0] > FIRST_READING_WITHIN_S:
            raise DemoError(f"no reading within {FIRST_READING_WITHIN_S:.0f} s; logs: {system.supervisor.directory}")
        time.sleep(0.1)
    return time.monotonic() - began[0]


def _play(
    system: DemoSystem,
    conn: psycopg.Connection[tuple[object, ...]],
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


def _has_reading_since(conn: psycopg.Connection[tuple[object, ...]], time: datetime) -> bool:
    """Return whether a reading has been received since a time."""
    row = conn.execute("select exists (select from v_latest where received_at > %s)", [time]).fetchone()
    return bool(row and row[0])
