"""`quantrac quality run`: runs the quality tests that need a history, derived channels and roll-ups."""

from __future__ import annotations

from quantrac.cli.arguments import group
from quantrac.cli.environment import run_until_signalled

app = group()


@app.command(short_help="Judge what changes in the database, until stopped.")
def run() -> None:
    """Judge what changes in the database until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_QUALITY_DATABASE_URL). Health and metrics are served where
    QUANTRAC_QUALITY_LISTEN says. A database that is away is waited for.
    """
    from ingest.quality import service

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop))
