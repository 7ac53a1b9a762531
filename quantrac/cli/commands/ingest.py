"""`quantrac ingest run`: stores what the stations publish."""

from __future__ import annotations

from quantrac.cli.arguments import group
from quantrac.cli.environment import run_until_signalled

app = group()


@app.command(short_help="Store what the stations publish, until stopped.")
def run() -> None:
    """Store what the stations publish until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_INGEST_DATABASE_URL) and QUANTRAC_MQTT_URL. Health and metrics are served
    where QUANTRAC_INGEST_LISTEN says. A database or broker that is away is waited for.
    """
    from ingest import service

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop))
