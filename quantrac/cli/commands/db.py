"""`quantrac db …`: migrate, tune, status, schema."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _db() -> None:
    """The database of QUANTRAC_DATABASE_URL."""


def _url() -> str:
    from quantrac.config.settings import Settings

    return Settings().database("db")


@app.command(short_help="Bring the database to this version.")
def migrate() -> None:
    """Bring the database to this version; what has been applied already is left alone."""
    from quantrac.database.migrate import migrate as apply_migrations
    from quantrac.database.pool import connect
    from quantrac.database.tuning import tune as switch_on

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
    from quantrac.database.migrate import connect_migrated
    from quantrac.database.tuning import tune as switch_on

    with connect_migrated(_url(), "quantrac db tune") as conn:
        for line in switch_on(conn):
            print(line)


@app.command(short_help="Show the server, the migrations and the size.")
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show the server, the migrations and the size; exit 1 where migrations are pending."""
    from quantrac.database.migrate import state
    from quantrac.database.pool import connect

    with connect(_url(), "quantrac db status") as conn:
        found = state(conn)
    if as_json:
        print(json.dumps(dataclasses.asdict(found)))
    else:
        print(f"PostgreSQL {found.postgres}, TimescaleDB {found.timescaledb or 'missing'}")
        print(f"applied {len(found.applied)}, newest {found.applied[-1] if found.applied else 'none'}")
        print(f"pending {', '.join(found.pending) or 'none'}")
        print(f"roles   {', '.join(found.roles) or 'none: see quantrac db migrate'}")
        print(f"size    {found.bytes / 1e6:.1f} MB")
    if found.pending:
        raise typer.Exit(1)


@app.command(short_help="Print the schema of the database as SQL.")
def schema() -> None:
    """Print the schema of the database as SQL, the way schema.sql is kept."""
    from quantrac.database.schema import dump

    print(dump(_url()), end="")
