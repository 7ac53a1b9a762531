"""`quantrac commands …`: gives commands to a running station and shows its answers."""

from __future__ import annotations

import json
import logging
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import AsJson, Person, answer, duration, group, moment, number
from quantrac.cli.commands.edge_options import maintenance_lines
from quantrac.cli.environment import database
from quantrac.config.fields import parse_duration
from quantrac.config.settings import Settings
from quantrac.database.time_zone import time_zone
from quantrac.observe import logs
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.local_time import shown

app = group()

StationId = Annotated[str, typer.Argument(help="Id of the station, such as st-my-thanh.", show_default=False)]
Why = Annotated[str | None, typer.Option(help="Goes into the audit.")]
Wait = Annotated[float, duration("Longest wait for the answer.", default="60s", least="1s")]


class CommandRefused(QuantracError):
    """The station refused the command; the text gives its reason."""


@app.command("read-now", short_help="Read the station's instruments now.")
def read_now(
    station: StationId,
    person: Person,
    wait: Annotated[float, duration("Longest wait for the answer.", default="2m", least="1s")],
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read the instruments now, beside their schedule. Exit code 1: refused, or no answer."""
    reply = give(station, {"do": "read", "device": device}, person=person, wait_s=wait)
    answer(reply, (_reading_line(station, one) for one in reply["readings"]), as_json=as_json)


@app.command(short_help="Have what is stored of a time sent once more.")
def again(
    station: StationId,
    person: Person,
    wait: Wait,
    start: Annotated[
        str, typer.Option("--from", help="Date or time, such as 2026-11-24T08:00; without offset it is local.")
    ],
    end: Annotated[str, typer.Option("--to", help="The same; included.")],
    why: Why = None,
    as_json: AsJson = False,
) -> None:
    """Have the station send again what its spool holds of a time. What the centre has stays as it is."""
    zone = _zone()
    begin, until = moment(start, "--from", zone), moment(end, "--to", zone)
    order = {"do": "again", "from": round(begin.timestamp() * 1000), "to": round(until.timestamp() * 1000)}
    reply = give(station, order, person=person, reason=why, wait_s=wait)
    answer(reply, [f"{station}: {reply['messages']} messages sent again"], as_json=as_json)


@app.command(short_help="Have an instrument act: wiper, valve, sampler, relay.")
def act(
    station: StationId,
    person: Person,
    wait: Wait,
    device: Annotated[str, typer.Option(help="Name of the device.")],
    action: Annotated[str | None, typer.Option(help="Name of the action; without one: show all.")] = None,
    value: Annotated[float | None, number("For actions with a range.")] = None,
    why: Why = None,
    as_json: AsJson = False,
) -> None:
    """Carry out, once, an action that the instrument's profile declares (`actions:`), within the range that it allows.

    Exit code 1: the profile has no such action, the value is outside, the instrument refused, or gave no answer.
    Example: quantrac commands act st-tran-de --device sonde --action wipe --why "fouled"
    """
    order = {"do": "act", "device": device, "action": action, "value": value}
    reply = give(station, order, person=person, reason=why, wait_s=wait)
    if action is None:
        lines = [f"{station} {device} {name}: {_action(one)}" for name, one in reply["actions"].items()]
        answer(reply, lines or [f"{station} {device}: its profile declares no actions"], as_json=as_json)
        return
    until = ""
    if "until" in reply:
        until = f"; {reply['state']} until {shown(datetime.fromtimestamp(reply['until'] / 1000, UTC), _zone())}"
    answer(reply, [f"{station} {device}: {action} is done{until}"], as_json=as_json)


@app.command(short_help="Begin or end maintenance.")
def maint(
    station: StationId,
    person: Person,
    wait: Wait,
    device: Annotated[str | None, typer.Option(help="Only this device; default: the whole station.")] = None,
    for_: Annotated[float | None, duration("How long, such as 30m or 2h; at most 7d.", "--for")] = None,
    cal: Annotated[bool, typer.Option("--cal", help="State cal (calibration) instead of maint.")] = False,
    off: Annotated[bool, typer.Option("--off", help="End it now.")] = False,
    why: Annotated[str, typer.Option(help="Goes on record at the station and into the audit.")] = "",
    as_json: AsJson = False,
) -> None:
    """Do from the centre what `quantrac edge maint` does beside the instruments; without --for or --off: show."""
    order: dict[str, Any] = {"do": "maint"}
    if off:
        order |= {"device": device, "off": True}
    elif for_ is not None:
        state = "cal" if cal else "maint"
        order |= {"device": device, "for_ms": round(for_ * 1000), "state": state, "why": why}
    reply = give(station, order, person=person, reason=why or None, wait_s=wait)
    answer(reply, maintenance_lines(station, reply), as_json=as_json)


@app.command(short_help="Have a camera take a picture now.")
def picture(
    station: StationId,
    person: Person,
    wait: Wait,
    camera: Annotated[str, typer.Option(help="Name of the camera in the station file.")],
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
def key(
    station: StationId,
    into: Annotated[
        Path | None, typer.Option(help="Append the line to this file, which only its owner and group may read then.")
    ] = None,
) -> None:
    """Make a new line for the file of QUANTRAC_COMMAND_KEYS: put it into the centre's file and the station's own.

    Example: quantrac commands key st-my-thanh --into /etc/quantrac/command-keys

    Without --into it is printed. A new file has mode 0600; of one that is there others lose their rights.
    """
    import secrets

    line = f"{station} {secrets.token_hex(32)}"
    if into is None:
        print(line)
        return
    opened = os.open(into, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "r+", encoding="utf-8", errors="replace") as file:
        mode = stat.S_IMODE(os.fstat(opened).st_mode)
        if mode & stat.S_IRWXO:
            os.fchmod(opened, mode & ~stat.S_IRWXO)
        text = file.read()
        if any(one.split()[:1] == [station] for one in text.splitlines()):
            raise typer.BadParameter(f"{into} has a key of {station}, which would go on to hold: remove its line first")
        file.write(("" if text.endswith("\n") or not text else "\n") + line + "\n")
    print(f"{into}: added a key of {station}; put the same line into the station's own file")


def give(
    station: str, order: dict[str, Any], *, person: str, wait_s: float, reason: str | None = None
) -> dict[str, Any]:
    """Give one command and return the station's answer; raises CommandRefused with its reason."""
    from quantrac.desks import commands as desk

    settings = Settings()
    logs.configure(settings.log, level=logging.WARNING)
    link = desk.link_to(settings, station)
    reply = desk.give(
        lambda: database("console", "commands"), link, station, order, person=person, reason=reason,
        clock=lambda: datetime.now(UTC), wait_s=wait_s,
    )  # fmt: skip
    if not reply.get("ok"):
        raise CommandRefused(f"{station}: {reply.get('error')}")
    return reply


def _action(one: dict[str, Any]) -> str:
    """Return in words what an action takes, and for how long readings have its state."""
    value = f"value {one['range'][0]:g} to {one['range'][1]:g} {one['unit']}, " if one.get("range") else ""
    seconds = (parse_duration(one["takes"]) + parse_duration(one["settle"])) / 1000
    return f"{value}{one['state']} for {seconds:g} s{'' if one['verified'] else ', not verified'}; {one['source']}"


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
