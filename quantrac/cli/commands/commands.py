"""`quantrac commands …`: gives commands to a running station and shows its answers."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import AsJson, Person, answer, duration_ms, group, moment
from quantrac.cli.commands.edge_options import maintenance_lines
from quantrac.cli.environment import database
from quantrac.config.settings import Settings
from quantrac.database.time_zone import time_zone
from quantrac.observe import logs
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.local_time import shown

app = group()

StationId = Annotated[str, typer.Argument(help="Id of the station, such as st-my-thanh.", show_default=False)]
Why = Annotated[str | None, typer.Option(help="Goes into the audit.")]
Wait = Annotated[float, typer.Option(min=1, help="Longest wait for the answer, seconds.")]


class CommandRefused(QuantracError):
    """The station refused the command; the text gives its reason."""


@app.command("read-now", short_help="Read the station's instruments now.")
def read_now(
    station: StationId,
    person: Person,
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    wait: Wait = 120.0,
    as_json: AsJson = False,
) -> None:
    """Read the instruments now, beside their schedule. Exit code 1: refused, or no answer."""
    reply = give(station, {"do": "read", "device": device}, person=person, wait_s=wait)
    answer(reply, (_reading_line(station, one) for one in reply["readings"]), as_json=as_json)


@app.command(short_help="Have what is stored of a time sent once more.")
def again(
    station: StationId,
    person: Person,
    start: Annotated[
        str, typer.Option("--from", help="Date or time, such as 2026-11-24T08:00; without offset it is local.")
    ],
    end: Annotated[str, typer.Option("--to", help="The same; included.")],
    why: Why = None,
    wait: Wait = 60.0,
    as_json: AsJson = False,
) -> None:
    """Have the station send again what its spool holds of a time. What the centre has stays as it is."""
    zone = _zone()
    begin, until = moment(start, "--from", zone), moment(end, "--to", zone)
    order = {"do": "again", "from": round(begin.timestamp() * 1000), "to": round(until.timestamp() * 1000)}
    reply = give(station, order, person=person, reason=why, wait_s=wait)
    answer(reply, [f"{station}: {reply['messages']} messages sent again"], as_json=as_json)


@app.command(short_help="Start the wiper of a sensor.")
def wipe(
    station: StationId,
    person: Person,
    device: Annotated[str, typer.Option(help="Name of the device.")],
    why: Why = None,
    wait: Wait = 60.0,
    as_json: AsJson = False,
) -> None:
    """Start the wiper of a sensor whose profile says how (`wipe:`); its readings are maint until the water has settled.

    Exit code 1: the profile does not say how, the sensor refused, or gave no answer.
    """
    reply = give(station, {"do": "wipe", "device": device}, person=person, reason=why, wait_s=wait)
    until = shown(datetime.fromtimestamp(reply["until"] / 1000, UTC), _zone())
    answer(reply, [f"{station} {device}: the wiper has started; maint until {until}"], as_json=as_json)


@app.command(short_help="Begin or end maintenance.")
def maint(
    station: StationId,
    person: Person,
    device: Annotated[str | None, typer.Option(help="Only this device; default: the whole station.")] = None,
    for_: Annotated[str | None, typer.Option("--for", help="How long, such as 30m or 2h; at most 7d.")] = None,
    cal: Annotated[bool, typer.Option("--cal", help="State cal (calibration) instead of maint.")] = False,
    off: Annotated[bool, typer.Option("--off", help="End it now.")] = False,
    why: Annotated[str, typer.Option(help="Goes on record at the station and into the audit.")] = "",
    wait: Wait = 60.0,
    as_json: AsJson = False,
) -> None:
    """Do from the centre what `quantrac edge maint` does beside the instruments; without --for or --off: show."""
    order: dict[str, Any] = {"do": "maint"}
    if off:
        order |= {"device": device, "off": True}
    elif for_ is not None:
        state = "cal" if cal else "maint"
        order |= {"device": device, "for_ms": duration_ms(for_, "--for"), "state": state, "why": why}
    reply = give(station, order, person=person, reason=why or None, wait_s=wait)
    answer(reply, maintenance_lines(station, reply), as_json=as_json)


@app.command(short_help="Have a camera take a picture now.")
def picture(
    station: StationId,
    person: Person,
    camera: Annotated[str, typer.Option(help="Name of the camera in the station file.")],
    wait: Wait = 60.0,
    as_json: AsJson = False,
) -> None:
    """Have a camera take a picture now. Answered when it is taken; it comes on the pictures' own slow lane."""
    reply = give(station, {"do": "picture", "camera": camera}, person=person, wait_s=wait)
    answer(reply, [f"{station} {camera}: a picture of {reply['bytes'] / 1000:.0f} kB"], as_json=as_json)


@app.command("list", short_help="Show the commands given, and what came of them.")
def list_(
    station: Annotated[str | None, typer.Option(help="Only this station.")] = None,
    most: Annotated[int, typer.Option(min=1, help="Newest so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the commands given, newest first: when, by whom, what, and the outcome."""
    from quantrac.desks import commands as desk

    with database("console", "commands") as conn:
        past, zone = desk.history(conn, station, most), time_zone(conn)
    for one in past:
        if as_json:
            print(json.dumps(one._asdict(), default=str, ensure_ascii=False))
            continue
        outcome = "no answer yet" if one.outcome is None else _outcome(one.outcome)
        order = " ".join(f"{name}={value}" for name, value in one.order.items() if name != "do" and value is not None)
        print(f"{shown(one.at, zone)} {one.person} {one.station} {one.order['do']} {order}: {outcome}")


@app.command(short_help="Make a key for a station.")
def key(station: StationId) -> None:
    """Print a new line for the file of QUANTRAC_COMMAND_KEYS: put it into the centre's file and the station's own.

    Example: quantrac commands key st-my-thanh >> /etc/quantrac/command-keys
    """
    import secrets

    print(f"{station} {secrets.token_hex(32)}")


def give(
    station: str, order: dict[str, Any], *, person: str, wait_s: float, reason: str | None = None
) -> dict[str, Any]:
    """Give one command and return the station's answer; raises CommandRefused with its reason."""
    from quantrac.desks import commands as desk

    settings = Settings()
    logs.configure(settings.log, level=logging.WARNING)
    link = desk.link_to(settings, station)
    with database("console", "commands") as conn:
        reply = desk.give(
            conn, link, station, order, person=person, reason=reason,
            clock=lambda: datetime.now(UTC), wait_s=wait_s,
        )  # fmt: skip
    if not reply.get("ok"):
        raise CommandRefused(f"{station}: {reply.get('error')}")
    return reply


def _reading_line(station: str, one: dict[str, Any]) -> str:
    value = "-" if one["value"] is None else f"{one['value']:g} {one['unit']}"
    return f"{station} {one['device']}/{one['channel']}: {value}  {one['state']}  {one['why']}".rstrip()


def _outcome(outcome: dict[str, Any]) -> str:
    if not outcome.get("ok"):
        return f"failed: {outcome.get('error')}"
    return str(outcome.get("outcome", "done"))


def _zone() -> ZoneInfo:
    with database("console", "commands") as conn:
        return time_zone(conn)
