"""`quantrac jobs run`: runs what is due by the clock."""

from __future__ import annotations

from quantrac.cli.arguments import group
from quantrac.cli.environment import run_until_signalled

app = group()


@app.command(short_help="Run what is due, until stopped.")
def run() -> None:
    """Run what is due until stopped (Ctrl-C, SIGTERM); what was missed while it was down is caught up once.

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_JOBS_DATABASE_URL) and the files of QUANTRAC_CONFIG. Health and metrics are
    served where QUANTRAC_JOBS_LISTEN says. A database that is away is waited for.
    """
    from quantrac.cli.jobs import service

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop))
