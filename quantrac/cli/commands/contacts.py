"""`quantrac contacts …`: imports and lists the people who get messages. They stand in the database, never in files."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import Person, answer, group
from quantrac.cli.environment import configured_network, database
from quantrac.config.settings import Settings
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown

if TYPE_CHECKING:
    from alerts.people.contacts import Reached
    from quantrac.database.pool import Connection

app = group()

Number = Annotated[int, typer.Argument(help="Number of the contact, see list.")]
Reason = Annotated[str | None, typer.Option(help="Why; stands in the audit.")]
Json = Annotated[bool, typer.Option("--json", help="For programs; addresses are masked there too.")]


@app.command("import", short_help="Add contacts from a CSV file, or bring them up to date.")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV, UTF-8, columns name,phone,email,groups,…; see docs.", exists=True)],
    person: Person,
) -> None:
    """Add contacts, or bring those with the same phone or e-mail up to date; if a line is wrong nothing is imported."""
    from alerts.people.contact_files import read_csv
    from alerts.people.contacts import save_contacts

    network = configured_network()
    contacts = read_csv(file, groups=network.settings.groups, stations=network.stations)
    with database("alerts", "contacts") as conn:
        changed = save_contacts(conn, contacts, datetime.now(UTC), person)
    print(f"{len(contacts)} contacts read, {changed} added or changed")


@app.command("list", short_help="List who gets which messages.")
def list_(as_json: Json = False) -> None:
    """List who gets which messages; phone numbers and addresses are masked."""
    from alerts.people.contacts import listed

    with database("alerts", "contacts") as conn:
        rows = listed(conn)
    answer(rows, map(_line, rows), as_json=as_json)


@app.command("test", short_help="Send a test message to one contact.")
def send(
    number: Number,
) -> None:
    """Send a test message to one contact by every way that is set up; exit 1 if one fails.

    While `alerts run` works it goes through its outbox, as an alarm does; else it is handed over from here.
    """
    from alerts.people.contacts import can_queue_tests

    with database("alerts", "contacts") as conn:
        results = _by_outbox(conn, number) if can_queue_tests(conn) else _directly(conn, number)
    for medium, error in results.items():
        print(f"{medium}: {'handed over' if error is None else error}")
    if any(results.values()):
        raise typer.Exit(1)


WAIT_S = 30.0


def _by_outbox(conn: Connection, number: int) -> dict[str, str | None]:
    """Queue the messages and wait for what becomes of them."""
    from alerts.people.contacts import outcomes, queue_test

    now = datetime.now(UTC)
    queue_test(conn, number, now)
    end = time.monotonic() + WAIT_S
    while True:
        found = outcomes(conn, number, now)
        if time.monotonic() > end or all(status != "queued" for status, _ in found.values()):
            break
        time.sleep(0.2)
    return {
        medium: None if status in ("sent", "delivered") else f"{status}: {error or 'not handed over yet'}"
        for medium, (status, error) in found.items()
    }


def _directly(conn: Connection, number: int) -> dict[str, str | None]:
    from alerts.channels.configured import notifiers_of
    from alerts.people.contacts import send_test
    from alerts.people.inbox import SmsInbox

    network = configured_network()
    carriers = notifiers_of(Settings(), network.templates, lambda: datetime.now(UTC), SmsInbox)
    required = network.settings.consent_required
    return send_test(conn, number, carriers, datetime.now(UTC), consent_required=required)


@app.command(short_help="Tell a person nothing more.")
def remove(number: Number, person: Person, reason: Reason = None) -> None:
    """Tell a person nothing more; messages that wait do not go out. What they were told stays on record."""
    from alerts.people.contact_changes import remove_contact

    in_files = configured_network().settings.contacts.values()
    with database("alerts", "contacts") as conn:
        remove_contact(conn, number, in_files, person, reason, datetime.now(UTC))
    print(f"contact {number}: removed")


@app.command(short_help="Change a number or mail address, or record consent.")
def change(
    number: Number,
    person: Person,
    phone: Annotated[str | None, typer.Option(help="The new number, such as 0912345678 or +84912345678.")] = None,
    email: Annotated[str | None, typer.Option(help="The new mail address.")] = None,
    consent: Annotated[str | None, typer.Option(help="The day it was given, such as 2026-11-24, or no.")] = None,
    reason: Reason = None,
) -> None:
    """Change a person's number or mail address, or record their consent; the old address gets nothing more."""
    from alerts.people.contact_changes import change_contact
    from alerts.people.contact_files import email_of, phone_e164, read_consent

    in_files = configured_network().settings.contacts.values()
    with database("alerts", "contacts") as conn:
        change_contact(
            conn, number, in_files, person, reason, datetime.now(UTC),
            phone=None if phone is None else phone_e164(phone),
            email=None if email is None else email_of(email),
            consent=None if consent is None else read_consent(consent),
        )  # fmt: skip
    print(f"contact {number}: changed")


@app.command(short_help="List the messages to people and their outcomes.")
def log(
    contact: Annotated[int | None, typer.Option(help="Only this contact.")] = None,
    alarm: Annotated[int | None, typer.Option(help="Only of this alarm.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: Json = False,
) -> None:
    """List the messages to people: to whom, by which way, their outcome, who acknowledged; addresses are masked."""
    from alerts.people.contacts import reached

    with database("alerts", "contacts") as conn:
        rows, zone = reached(conn, contact_id=contact, alarm_id=alarm, limit=limit), time_zone(conn)
    answer(rows, (_log_line(row, zone) for row in rows), as_json=as_json)


def _line(row: dict[str, Any]) -> str:
    where = " ".join(row["stations"]) or "all stations"
    return (
        f"{row['contact_id']:>5}  {row['name']:<28} {row['phone'] or '-':<12} {row['email'] or '-':<28} "
        f"{row['language']}  {' '.join(row['groups'])}  {where}"
    )


def _log_line(row: Reached, zone: ZoneInfo) -> str:
    about = "-" if row.alarm_id is None else f"alarm {row.alarm_id}"
    seen = "" if row.acknowledged_at is None else f"  acknowledged {shown(row.acknowledged_at, zone)}"
    parts = "" if row.parts is None else f"  {row.parts} part{'' if row.parts == 1 else 's'}"
    why = "" if row.error is None else f"  {row.error}"
    return (
        f"{shown(row.time, zone)}  {row.name:<24} {row.medium:<7} {row.address or '-':<16} {row.purpose:<10} {about}  "
        f"{row.status}{f' by {row.carrier}' if row.carrier else ''}{parts}{seen}{why}"
    )
