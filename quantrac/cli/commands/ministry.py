"""`quantrac ministry …`: the ministry's five-minute files, their fate, sending them by hand, comparing them."""

from __future__ import annotations

import sys
from collections.abc import Collection
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson, Person, answer, group, moment
from quantrac.cli.environment import configured_network, database
from quantrac.config.settings import Settings
from quantrac.database.time_zone import time_zone

if TYPE_CHECKING:
    from quantrac.config.network import Network
    from quantrac.config.stations import Station
    from reports.ministry.file_server import FileServer

app = group()

StationOption = Annotated[str, typer.Option(metavar="ID", help="Station.")]
After = Annotated[str, typer.Option("--from", help="Date or time; without offset it is local.")]
Until = Annotated[str, typer.Option("--to", help="The same; files of slots that end at FROM < time <= TO.")]
To = Annotated[str, typer.Option("--receiver", metavar="NAME", help="Of network.yaml.")]


@app.command(short_help="How far each receiver is.")
def status(as_json: AsJson = False) -> None:
    """Print what each receiver is owed of each station, since when, and why; exit code 1 if something failed."""
    from reports.desk import receiver_states

    with database("console", "ministry") as conn:
        found = receiver_states(conn)
    lines = [
        f"{one.station} -> {one.receiver}: {one.owed} owed"
        + (f" since {one.oldest:%Y-%m-%d %H:%M}Z" if one.oldest else "")
        + (f", sent up to {one.newest_sent:%Y-%m-%d %H:%M}Z" if one.newest_sent else ", nothing sent yet")
        + (f": {one.error}" if one.error else "")
        for one in found
    ]
    answer([one._asdict() for one in found], lines or ["no file is kept: no station has receivers"], as_json=as_json)
    if any(one.error for one in found):
        raise typer.Exit(1)


@app.command("files", short_help="The fate of each file.")
def list_files(station: StationOption, after: After, until: Until, as_json: AsJson = False) -> None:
    """List the files of a station: made, failed, sent, replaced (sent again with other bytes), withdrawn."""
    from reports.desk import fates

    with database("console", "ministry") as conn:
        _check_known(station, [name for (name,) in conn.execute("select station from v_station order by station")])
        zone = time_zone(conn)
        found = fates(conn, station, moment(after, "--from", zone), moment(until, "--to", zone))
    lines = [f"{one.name}  {one.status}  {one.sha256[:12]}" + (f"  {one.error}" if one.error else "") for one in found]
    answer([one._asdict() for one in found], lines or ["no file of these slots was made"], as_json=as_json)


@app.command(short_help="Send what a receiver is owed, now.")
def send(receiver: To, as_json: AsJson = False) -> None:
    """Send what a receiver is owed and is due, until nothing is left; `jobs run` does so by itself.

    Exit code 1: the server was not reached, refused a file, or another process is sending.
    """
    from reports.ministry.sender import send_owed, takes_turn

    sent = failed = 0
    with database("jobs", "ministry") as conn, _server(configured_network(), receiver) as server:
        if not takes_turn(conn, receiver):
            print(f"{receiver}: another process is sending", file=sys.stderr)
            raise typer.Exit(1)
        while True:
            done = send_owed(conn, receiver, server, lambda: datetime.now(UTC))
            sent, failed = sent + done.sent, failed + done.failed
            if done.is_away or not done.sent:
                break
    answer({"sent": sent, "failed": failed}, [f"{sent} files sent, {failed} failed"], as_json=as_json)
    if failed:
        raise typer.Exit(1)


@app.command(short_help="Let files be sent again.")
def resend(
    station: StationOption,
    after: After,
    until: Until,
    person: Person,
    receiver: Annotated[str | None, typer.Option(metavar="NAME", help="Only to this one.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; stands in the audit.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let files be sent again whatever was sent before, as after a receiver has lost them; goes to the audit.

    Files that were never made, or have other bytes or another name by now, are made first.
    """
    from reports.desk import owe_again

    asked = _station(configured_network(), station)
    with database("console", "ministry") as conn:
        zone = time_zone(conn)
        span = moment(after, "--from", zone), moment(until, "--to", zone)
        count = owe_again(conn, asked, *span, receiver, person, reason, datetime.now(UTC))
    answer({"files": count}, [f"{count} files will be sent again"], as_json=as_json)


@app.command(short_help="Compare files with readings and receiver.")
def verify(station: StationOption, receiver: To, after: After, until: Until, as_json: AsJson = False) -> None:
    """Name each file that readings give and was not made or owed, or no longer give, or the receiver does not hold.

    Exit code 1 if there is one.
    """
    from reports.desk import mismatches

    network = configured_network()
    asked = _station(network, station)
    with database("console", "ministry") as conn, _server(network, receiver) as server:
        zone = time_zone(conn)
        span = moment(after, "--from", zone), moment(until, "--to", zone)
        found = list(mismatches(conn, asked, *span, receiver, server))
    lines = [f"{one.name}: {one.what}" for one in found]
    answer([one._asdict() for one in found], lines or ["all files are what they should be"], as_json=as_json)
    if found:
        raise typer.Exit(1)


def _station(network: Network, station: str) -> Station:
    _check_known(station, network.stations)
    return network.stations[station]


def _check_known(station: str, known: Collection[str]) -> None:
    if station not in known:
        there = ", ".join(known) or "none: quantrac stations apply"
        raise typer.BadParameter(f"found {station}, there are: {there}", param_hint="--station")


def _server(network: Network, receiver: str) -> closing[FileServer]:
    from reports.ministry.logins import logins
    from reports.ministry.ways import server_of

    receivers, file = network.settings.receivers, Settings().logins()
    if receiver not in receivers:
        there = ", ".join(receivers) or "none in network.yaml"
        raise typer.BadParameter(f"found {receiver}, there are: {there}", param_hint="--receiver")
    known = logins(file)
    if receiver not in known:
        raise typer.BadParameter(f"found {receiver}, {file} has: {', '.join(known)}", param_hint="--receiver")
    return closing(server_of(receiver, receivers[receiver], known[receiver]))
