"""`quantrac centre run`: all services of the centre under one supervisor."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _centre() -> None:
    """All services of the centre under one supervisor."""


@app.command(short_help="Run all services of the centre, until stopped.")
def run(
    logs: Annotated[Path, typer.Option(help="Folder for one log a service, and processes.json.")] = Path(
        "state/centre"
    ),
) -> None:
    """Run ingest, quality, alerts, jobs and the console; what ends is started again, with growing delays.

    Needs what they need: QUANTRAC_DATABASE_URL, QUANTRAC_MQTT_URL, the files of QUANTRAC_CONFIG; see their --help.
    """
    from quantrac.cli.processes import CENTRE_SERVICES, Program, Supervisor, quantrac

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    supervisor = Supervisor(logs)
    for service in CENTRE_SERVICES:
        supervisor.start(Program(service, quantrac(service, "run")), time.monotonic())
        print(f"{service:8} log: {supervisor.log_of(service)}", flush=True)
    try:
        while not stop.wait(0.5):
            supervisor.watch(time.monotonic())
    finally:
        supervisor.stop()
