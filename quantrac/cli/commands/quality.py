"""`quantrac quality`: quality tests that need a history."""

from __future__ import annotations

import signal
import threading

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _quality() -> None:
    """Quality tests that need a history."""


@app.command(short_help="Judge what changes in the database, until stopped.")
def run() -> None:
    """Judge what changes in the database until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_QUALITY_DATABASE_URL). Health and metrics are served where
    QUANTRAC_QUALITY_LISTEN says. A database that is away is waited for.
    """
    from ingest.quality import service
    from quantrac.config.settings import Settings
    from quantrac.observe import logs

    settings = Settings()
    logs.configure(settings.log)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    service.run(settings, stop=stop)
