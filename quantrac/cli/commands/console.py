"""`quantrac console run`: the control centre's web pages."""

from __future__ import annotations

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _console() -> None:
    """The control centre's web pages."""


@app.command(short_help="Serve the console, until stopped.")
def run() -> None:
    """Serve the console on QUANTRAC_CONSOLE_LISTEN (127.0.0.1:8080 unless set) until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_CONSOLE_DATABASE_URL). While the database is away its pages say so.
    """
    from dashboards.console import service
    from quantrac.cli.foreground import run_until_signalled

    run_until_signalled(service.run)
