"""`quantrac ingest run`, `quality run`, `jobs run`, `console run`: services of the centre, each until stopped."""

from __future__ import annotations

from quantrac.cli.arguments import group
from quantrac.cli.environment import run_until_signalled

ingest, quality, jobs, console = group(), group(), group(), group()


@ingest.command("run", short_help="Store what the stations publish, until stopped.")
def run_ingest() -> None:
    """Store what the stations publish until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_INGEST_DATABASE_URL) and QUANTRAC_MQTT_URL. Health and metrics are served
    where QUANTRAC_INGEST_LISTEN says. A database or broker that is away is waited for.
    """
    from ingest import service

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop))


@quality.command("run", short_help="Judge what changes in the database, until stopped.")
def run_quality() -> None:
    """Judge what changes in the database until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_QUALITY_DATABASE_URL). Health and metrics are served where
    QUANTRAC_QUALITY_LISTEN says. A database that is away is waited for.
    """
    from ingest.quality import service

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop))


@jobs.command("run", short_help="Run what is due, until stopped.")
def run_jobs() -> None:
    """Run what is due until stopped (Ctrl-C, SIGTERM); what was missed while it was down is caught up once.

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_JOBS_DATABASE_URL) and the files of QUANTRAC_CONFIG. Health and metrics are
    served where QUANTRAC_JOBS_LISTEN says. A database that is away is waited for.
    """
    from quantrac.cli.jobs import service

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop))


@console.command("run", short_help="Serve the console, until stopped.")
def run_console() -> None:
    """Serve the console on QUANTRAC_CONSOLE_LISTEN (127.0.0.1:8080 unless set) until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_CONSOLE_DATABASE_URL). While the database is away its pages say so.
    """
    from dashboards.console import service

    run_until_signalled(service.run)
