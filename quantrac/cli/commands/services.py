"""`quantrac ingest run`, `console run`, `centre run`: a service of the centre, or all."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Annotated

import typer

from quantrac.cli.arguments import group
from quantrac.cli.environment import run_until_signalled, stop_on_signal
from quantrac.cli.processes import CENTRE_SERVICES, Program, Supervisor, quantrac

ingest, console, centre = group(), group(), group()


@ingest.command("run", short_help="Store what the stations publish, until stopped.")
def run_ingest() -> None:
    """Store what the stations publish until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_INGEST_DATABASE_URL) and QUANTRAC_MQTT_URL. Health and metrics are served
    where QUANTRAC_INGEST_LISTEN says. A database or broker that is away is waited for.
    """
    from ingest import service

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop))


@console.command("run", short_help="Serve the console, until stopped.")
def run_console() -> None:
    """Serve the console on QUANTRAC_CONSOLE_LISTEN (127.0.0.1:8080 unless set) until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_CONSOLE_DATABASE_URL). While the database is away its pages say so.
    """
    from dashboards.console import service

    gc.freeze()  # what was imported lasts: collections of garbage that looked at it took 0.1 s of some page
    run_until_signalled(service.run)


@centre.command("run", short_help="Run all services of the centre, until stopped.")
def run_centre(
    logs: Annotated[Path, typer.Option(help="Folder for one log a service, and processes.json.")] = Path(
        "state/centre"
    ),
) -> None:
    """Run ingest, quality, alerts, jobs and the console; what ends is started again, with growing delays.

    Needs what they need: QUANTRAC_DATABASE_URL, QUANTRAC_MQTT_URL, the files of QUANTRAC_CONFIG; see their --help.
    """
    stop = stop_on_signal("stopping all services; this takes some seconds")
    supervisor = Supervisor(logs)
    for service in CENTRE_SERVICES:
        supervisor.start(Program(service, quantrac(service, "run")), time.monotonic())
        print(f"{service:8} log: {supervisor.log_of(service)}", flush=True)
    try:
        while not stop.wait(0.5):
            supervisor.watch(time.monotonic())
    finally:
        supervisor.stop()
