"""`quantrac contacts …`: imports and lists the people who get messages. They stand in the database, never in files."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
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
    from alerts.people.contact_cells import KnownNames
    from alerts.people.contact_record import Reached
    from quantrac.config.network import Network
    from quantrac.database.pool import Connection

app = group()

Number = Annotated[int, typer.Argument(help="Number of the contact, see list.")]
Reason = Annotated[str | None, typer.Option(help="Why; stands in the audit.")]
Cells = Annotated[
    list[str], typer.Argument(help="COLUMN=TEXT, columns as in the CSV file: phone=0912345678 quiet=22:00-05:00.")
]
Json = Annotated[bool, typer.Option("--json", help="For programs; addresses are masked there too.")]


@app.command("import", short_help="Add contacts from a CSV file, or bring them up to date.")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV, UTF-8, columns name,phone,email,groups,…; see docs.", exists=True)],
    person: Person,
) -> None:
    """Add contacts, or bring those who are known up to date; if a line is wrong nothing is imported.

    Known is who has one of the addresses, or the same name, groups and stations and no address in the file: the number
    is another one now. A line whose name and addresses are those of different people is wrong.
    """
    from alerts.people.contact_cells import read_csv
    from alerts.people.contacts import save_contacts

    network = configured_network()
    contacts = read_csv(file, _known(network))
    with database("alerts", "contacts") as conn:
        changed = save_contacts(conn, contacts, datetime.now(UTC), person)
    print(f"{len(contacts)} contacts read, {changed} added or changed")


@app.command("list", short_help="List who gets which messages.")
def list_(as_json: Json = False) -> None:
    """List who gets which messages; phone numbers and addresses are masked."""
    from alerts.people.contact_search import listed

    with database("alerts", "contacts") as conn:
        rows = listed(conn)
    answer(rows, map(_line, rows), as_json=as_json)


@app.command("test", short_help="Send a test message to one contact.")
def send(number: Number, person: Person) -> None:
    """Send a test message to one contact by every way that is set up; exit 1 if one fails.

    While `alerts run` works it goes through its outbox, as an alarm does; else it is handed over from here.
    """
    from alerts.people.test_message import can_queue_tests

    required = configured_network().settings.consent_required
    with database("alerts", "contacts") as conn:
        send_it = _by_outbox if can_queue_tests(conn) else _directly
        results = send_it(conn, number, person, required)
    for medium, error in results.items():
        print(f"{medium}: {'handed over' if error is None else error}")
    if any(results.values()):
        raise typer.Exit(1)


WAIT_S = 30.0


def _by_outbox(conn: Connection, number: int, person: str, required: bool) -> dict[str, str | None]:
    """Queue the messages and wait for what becomes of them."""
    from alerts.people.test_message import outcomes, queue_test

    now = datetime.now(UTC)
    queue_test(conn, number, person, now, consent_required=required)
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


def _directly(conn: Connection, number: int, person: str, required: bool) -> dict[str, str | None]:
    from alerts.channels.configured import notifiers_of
    from alerts.people.inbox import SmsInbox
    from alerts.people.test_message import send_test

    templates = configured_network().templates
    carriers = notifiers_of(Settings(), templates, lambda: datetime.now(UTC), SmsInbox)
    return send_test(conn, number, carriers, person, datetime.now(UTC), consent_required=required)


@app.command(short_help="Add one contact.")
def add(cells: Cells, person: Person, reason: Reason = None) -> None:
    """Add one contact, such as: add name="Ông Sáu" phone=0912345678 groups=farmers stations=st-my-thanh."""
    from alerts.people.contact_changes import add_contact

    wanted, network = _cells(cells), configured_network()
    with database("alerts", "contacts") as conn:
        number = add_contact(conn, wanted, _known(network), person, reason, datetime.now(UTC))
    print(f"contact {number}: added")


@app.command(short_help="Tell a person nothing more.")
def remove(number: Number, person: Person, reason: Reason = None) -> None:
    """Tell a person nothing more; messages that wait do not go out. What they were told stays on record."""
    from alerts.people.contact_changes import remove_contact

    in_files = configured_network().settings.contacts.values()
    with database("alerts", "contacts") as conn:
        remove_contact(conn, number, in_files, person, reason, datetime.now(UTC))
    print(f"contact {number}: removed")


@app.command(short_help="Change addresses and wishes, or record consent.")
def change(number: Number, cells: Cells, person: Person, reason: Reason = None) -> None:
    """Change what is named and nothing else; a column without text is emptied. An old address gets nothing more."""
    from alerts.people.contact_changes import change_contact

    wanted, network, now = _cells(cells), configured_network(), datetime.now(UTC)
    files = network.settings.contacts.values()
    with database("alerts", "contacts") as conn:
        changed = change_contact(conn, number, files, wanted, _known(network), person, reason, now)
    print(f"contact {number}: changed {', '.join(changed)}")


def _known(network: Network) -> KnownNames:
    from alerts.people.contact_cells import KnownNames

    return KnownNames(network.settings.groups, network.stations)


def _cells(given: list[str]) -> dict[str, str]:
    from alerts.people.contact_cells import COLUMNS

    found = dict(one.partition("=")[::2] for one in given)
    for one in given:
        if "=" not in one or one.partition("=")[0] not in COLUMNS:
            raise typer.BadParameter(f"found {one!r}, expected COLUMN=TEXT with a column of {', '.join(COLUMNS)}")
    return found


@app.command(short_help="Write everything that is kept of one person.")
def export(
    number: Number,
    person: Person,
    output: Annotated[Path | None, typer.Option(help="A file that is made; default: standard output.")] = None,
    reason: Reason = None,
) -> None:
    """Write everything that is kept of one person as JSON, for the person themselves.

    Addresses are in full, with messages, answers and acts. The audit notes who asked for it.
    """
    from alerts.people.personal_data import export_contact

    with database("alerts", "contacts") as conn:
        found = export_contact(conn, number, person, reason, datetime.now(UTC))
    text = json.dumps(found, default=lambda at: at.isoformat(), ensure_ascii=False, indent=2)
    if output is None:
        print(text)
        return
    with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
    print(f"contact {number}: written to {output}")


@app.command(short_help="Erase the data of one person for good.")
def erase(
    person: Person,
    reason: Annotated[str, typer.Option(help="Why; stands in the audit.")],
    number: Annotated[int | None, typer.Argument(help="Number of the contact, see list.")] = None,
    phone: Annotated[str | None, typer.Option(help="Instead: what came by SMS from this number of no contact.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be undone: say that it is meant.")] = False,
) -> None:
    """Erase name, addresses, wishes, consent and answers of one person; alarms and the audit keep a number alone.

    Messages from numbers of nobody are kept for 30 days; with --phone those of one number go at once.
    """
    from alerts.people.personal_data import erase_contact, erase_number

    if (number is None) == (phone is None):
        raise typer.BadParameter("found both or neither, expected the number of a contact or --phone")

    if not yes:
        raise typer.BadParameter("what is erased cannot be had again; add --yes if it is meant", param_hint="--yes")
    in_files = configured_network().settings.contacts.values()
    with database("alerts", "contacts") as conn:
        if phone is not None:
            print(f"{erase_number(conn, phone, person, reason, datetime.now(UTC))} messages erased")
        elif number is not None:
            erase_contact(conn, number, in_files, person, reason, datetime.now(UTC))
            print(f"contact {number}: erased")


@app.command(short_help="Show who has the duty now and in the weeks to come.")
def duty(
    weeks: Annotated[int, typer.Option(min=1, max=52, help="So many weeks from now.")] = 6, as_json: Json = False
) -> None:
    """Show the turns of each roster of `network.yaml`: from when until when, which shift, whether swapped."""
    from alerts.telling.duty_week import turns

    network, now = configured_network(), datetime.now(UTC)
    until = now + timedelta(weeks=weeks)
    found = [
        {"group": group, **turn._asdict()}
        for group, roster in network.settings.duty.items() for turn in turns(roster, now, until, network.zone)
    ]  # fmt: skip
    lines = (
        f"{one['group']:<16} {shown(one['since'], network.zone)} – {shown(one['until'], network.zone)}  {one['shift']}"
        f"{'  swapped' if one['is_swapped'] else ''}"
        for one in found
    )
    answer(found, lines, as_json=as_json)


@app.command(short_help="List the messages to people and their outcomes.")
def log(
    contact: Annotated[int | None, typer.Option(help="Only this contact.")] = None,
    alarm: Annotated[int | None, typer.Option(help="Only of this alarm.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: Json = False,
) -> None:
    """List the messages to people: to whom, by which way, their outcome, who acknowledged; addresses are masked."""
    from alerts.people.contact_record import reached

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
