"""`quantrac ingest`: from the broker into the database."""

from __future__ import annotations

import signal
import threading

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _ingest() -> None:
    """From the broker into the database."""


@app.command(short_help="Store what the stations publish, until stopped.")
def run() -> None:
    """Store what the stations publish until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_INGEST_DATABASE_URL) and QUANTRAC_MQTT_URL. Health and metrics are served
    where QUANTRAC_INGEST_LISTEN says. A database or broker that is away is waited for.
    """
    from ingest import service
    from quantrac.config.settings import Settings
    from quantrac.observe import logs

    settings = Settings()
    logs.configure(settings.log)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    service.run(settings, stop=stop)
