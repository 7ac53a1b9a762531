"""`quantrac jobs run`: what is due by the clock."""

from __future__ import annotations

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _jobs() -> None:
    """What is due by the clock: silence, pruning, retention."""


@app.command()
def run() -> None:
    """Run what is due until SIGTERM or Ctrl-C; what was missed while it was down is caught up once."""
    from quantrac.cli.jobs import service
    from quantrac.cli.running import run_until_signalled

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop))
