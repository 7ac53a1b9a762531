"""`quantrac console run`: serves the control centre's web pages."""

from __future__ import annotations

from quantrac.cli.arguments import group
from quantrac.cli.environment import run_until_signalled

app = group()


@app.command(short_help="Serve the console, until stopped.")
def run() -> None:
    """Serve the console on QUANTRAC_CONSOLE_LISTEN (127.0.0.1:8080 unless set) until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_CONSOLE_DATABASE_URL). While the database is away its pages say so.
    """
    from dashboards.console import service

    run_until_signalled(service.run)
