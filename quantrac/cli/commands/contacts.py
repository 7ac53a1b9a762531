"""`quantrac contacts …`: who is told. People stand in the database, never in the project's files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantrac.cli.arguments import Person

if TYPE_CHECKING:
    from quantrac.database.pool import Connection

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="For programs; addresses are masked there too.")]


@app.callback()
def _contacts() -> None:
    """Who is told: import, list, test."""


def _connect() -> Connection:
    from quantrac.config.settings import Settings
    from quantrac.database.migrate import connect_migrated

    return connect_migrated(Settings().database("alerts"), "quantrac contacts")


@app.command("import", short_help="Add contacts from a CSV file, or bring them up to date.")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV, UTF-8, columns name,phone,email,groups,…; see docs.", exists=True)],
    person: Person,
) -> None:
    """Add contacts, or bring those with the same phone or e-mail up to date; if a line is wrong nothing is imported."""
    from alerts.people.contact_files import read_csv
    from alerts.people.contacts import save_contacts
    from quantrac.config.loading import load_network
    from quantrac.config.settings import Settings

    settings = Settings()
    network = load_network(settings.config, settings.overlay)
    contacts = read_csv(file, groups=network.settings.groups, stations=network.stations)
    with _connect() as conn:
        changed = save_contacts(conn, contacts, datetime.now(UTC), person)
    print(f"{len(contacts)} contacts read, {changed} added or changed")


@app.command("list", short_help="List who is told of what.")
def list_(as_json: Json = False) -> None:
    """List who is told of what; phone numbers and addresses are masked."""
    from alerts.people.contacts import listed

    with _connect() as conn:
        rows = listed(conn)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        print(_line(row))


@app.command("test", short_help="Send a test message to one contact.")
def send(
    number: Annotated[int, typer.Argument(help="Number of the contact, see list.")],
) -> None:
    """Send a test message to one contact by every way that is set up, now; exit 1 if one fails."""
    from alerts.channels.configured import notifiers_of
    from alerts.people.contacts import send_test
    from quantrac.config.loading import load_network
    from quantrac.config.settings import Settings

    with _connect() as conn:
        settings = Settings()
        templates = load_network(settings.config, settings.overlay).templates
        carriers = notifiers_of(settings, templates, lambda: datetime.now(UTC))
        results = send_test(conn, number, carriers, datetime.now(UTC))
    for medium, error in results.items():
        print(f"{medium}: {'handed over' if error is None else error}")
    if any(results.values()):
        raise typer.Exit(1)


def _line(row: dict[str, Any]) -> str:
    where = " ".join(row["stations"]) or "all stations"
    return (
        f"{row['contact_id']:>5}  {row['name']:<28} {row['phone'] or '-':<12} {row['email'] or '-':<28} "
        f"{row['language']}  {' '.join(row['groups'])}  {where}"
    )
