"""`quantrac centre run`: runs all services of the centre under one supervisor."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from quantrac.cli.arguments import group
from quantrac.cli.environment import stop_on_signal
from quantrac.cli.processes import CENTRE_SERVICES, Program, Supervisor, quantrac

app = group()


@app.command(short_help="Run all services of the centre, until stopped.")
def run(
    logs: Annotated[Path, typer.Option(help="Folder for one log a service, and processes.json.")] = Path(
        "state/centre"
    ),
) -> None:
    """Run ingest, quality, alerts, jobs and the console; what ends is started again, with growing delays.

    Needs what they need: QUANTRAC_DATABASE_URL, QUANTRAC_MQTT_URL, the files of QUANTRAC_CONFIG; see their --help.
    """
    stop = stop_on_signal()
    supervisor = Supervisor(logs)
    for service in CENTRE_SERVICES:
        supervisor.start(Program(service, quantrac(service, "run")), time.monotonic())
        print(f"{service:8} log: {supervisor.log_of(service)}", flush=True)
    try:
        while not stop.wait(0.5):
            supervisor.watch(time.monotonic())
    finally:
        supervisor.stop()
