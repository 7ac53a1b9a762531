"""`quantrac db …`: migrates, tunes, backs up, restores and rebuilds the database, and shows its state."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from quantrac.cli.arguments import AsJson, answer, group, moment
from quantrac.cli.environment import database
from quantrac.config.settings import Settings
from quantrac.database.time_zone import time_zone

app = group()


def _url() -> str:
    return Settings().database("db")


@app.command(short_help="Bring the database to this version.")
def migrate() -> None:
    """Bring the database to this version; what has been applied already is left alone."""
    from quantrac.database.edition import tune as switch_on
    from quantrac.database.migration import migrate as apply_migrations
    from quantrac.database.pool import connect

    url = _url()
    done = apply_migrations(url, lambda script: print(script, file=sys.stderr))
    for name in done:
        print(f"applied {name}")
    if not done:
        print("nothing to do: the database is at this version")
    with connect(url, "quantrac db tune") as conn:
        switch_on(conn)


@app.command(short_help="Switch on what this edition of TimescaleDB allows.")
def tune() -> None:
    """Switch on what this edition of TimescaleDB allows (compression); may be repeated."""
    from quantrac.database.edition import tune as switch_on

    with database("db", "db tune") as conn:
        for line in switch_on(conn):
            print(line)


@app.command(short_help="Show the server, the migrations and the size.")
def status(as_json: AsJson = False) -> None:
    """Show the server, the migrations and the size; exit 1 where migrations are pending."""
    from quantrac.database.migration import state
    from quantrac.database.pool import connect

    with connect(_url(), "quantrac db status") as conn:
        found = state(conn)
    lines = [
        f"PostgreSQL {found.postgres}, TimescaleDB {found.timescaledb or 'missing'}",
        f"applied {len(found.applied)}, newest {found.applied[-1] if found.applied else 'none'}",
        f"pending {', '.join(found.pending) or 'none'}",
        f"roles   {', '.join(found.roles) or 'none: see quantrac db migrate'}",
        f"size    {found.bytes / 1e6:.1f} MB",
    ]
    answer(found, lines, as_json=as_json)
    if found.pending:
        raise typer.Exit(1)


@app.command(short_help="Print the schema of the database as SQL.")
def schema() -> None:
    """Print the schema of the database as SQL, the way schema.sql is kept."""
    from quantrac.database.schema import dump

    print(dump(_url()), end="")


@app.command(short_help="Write the whole database into a file, while everything runs.")
def backup(
    file: Annotated[Path, typer.Argument(help="File to write, such as quantrac.dump; replaced when it is there.")],
) -> None:
    """Write the whole database, as it stands at one moment, into a file of pg_dump's custom format.

    Everything may go on running. The file holds people's addresses: it is readable by its owner only.
    """
    from quantrac.database.backup import backup as write

    size = write(_url(), file)
    print(f"{file}: {size / 1e6:.1f} MB")


@app.command(short_help="Fill an empty database from a backup.")
def restore(file: Annotated[Path, typer.Argument(help="File that `quantrac db backup` wrote.")]) -> None:
    """Fill the empty database of QUANTRAC_DATABASE_URL from a backup; needs a superuser, as TimescaleDB does.

    Stop the centre's services first, start them again afterwards: the stations then send again what the backup lacks.
    """
    from quantrac.database.backup import restore as fill
    from quantrac.database.edition import tune as switch_on
    from quantrac.database.migration import pending
    from quantrac.database.pool import connect

    url = _url()
    fill(url, file)
    with connect(url, "quantrac db restore") as conn:
        todo = pending(conn)
        if not todo:
            switch_on(conn)  # settings of the database are in no backup
    print(f"{file}: restored" + ("; it is of an older version: run quantrac db migrate" if todo else ""))


@app.command(short_help="Recompute derived, or hourly and daily values.")
def rebuild(
    what: Annotated[str, typer.Argument(help="What: derived (channels) or rollups (hours, days).")],
    after: Annotated[str | None, typer.Option("--from", help="Date or time; without offset it is local.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The same; readings with FROM < time <= TO.")] = None,
) -> None:
    """Recompute derived channels, or hourly and daily values, from the readings: all, or those between two times.

    Everything may go on running. It may be stopped and repeated; each week is a transaction of its own.
    """
    from ingest.derived.consumer import rebuild as derive
    from ingest.rollups.consumer import rebuild as roll_up

    makers = {"derived": (derive, "values differed"), "rollups": (roll_up, "hours and their days recomputed")}
    if what not in makers:
        raise typer.BadParameter(f"found {what!r}, allowed {', '.join(makers)}", param_hint="WHAT")
    make, done = makers[what]
    total = 0
    with database("db", "db rebuild") as conn:
        zone = time_zone(conn)
        low = None if after is None else moment(after, "--from", zone)
        high = None if until is None else moment(until, "--to", zone)
        for week, written in make(conn, low, high):
            total += written
            print(f"{week:%Y-%m-%d} {written}", flush=True)
    print(f"{total} {done}")
