"""`quantrac stations …`: checks, applies and pushes station files, and prints their schemas for editors."""

from __future__ import annotations

import dataclasses
import json
import logging
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantrac.cli.arguments import AsJson, Person, answer, group, number
from quantrac.cli.commands.edge_options import Within, is_in_force, reload_line
from quantrac.cli.commands.stations_files import edit, history, undo
from quantrac.cli.environment import configured_network, database
from quantrac.config.cautions import cautions
from quantrac.config.config_folder import ConfigFolder
from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.schemas import SCHEMAS, json_schema, write_schemas
from quantrac.config.settings import MissingSetting, Settings
from quantrac.config.station_copy import NewStation
from quantrac.observe import logs
from quantrac.telemetry.errors import QuantracError

if TYPE_CHECKING:
    from quantrac.desks.network import Applied, Foreseen
    from quantrac.desks.setting_changes import SettingChange

app = group()
app.command(short_help="Change a file if the network then passes the check.")(edit)
app.command(short_help="List who changed which file, when and why.")(history)
app.command(short_help="Take a change of a file back.")(undo)

Folder = Annotated[
    Path | None,
    typer.Argument(help="Folder with network.yaml and stations/; default QUANTRAC_CONFIG.", show_default=False),
]
Overlay = Annotated[
    str | None, typer.Option(help="Folder inside it that is laid over it, such as demo; default QUANTRAC_OVERLAY.")
]


@app.command(short_help="Check every file, one finding a line.")
def check(
    folder: Folder = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Check stations, device profiles, rules and network.yaml; one finding a line, exit 2 if there is one.

    What is allowed and hardly meant is a warning: a date of service in the future, a port such as /dev/ttyUSB0, a place
    far from the others, a tag that no rule selects, a channel that no rule watches, contacts of network.yaml that
    `alerts run` will not take (beside those whom the database knows, where QUANTRAC_DATABASE_URL names one).
    Every golden exchange of every profile is decoded as the agent would decode it.
    """
    from edge_agent.commissioning.golden_exchange import prove

    try:
        network = configured_network(folder, overlay, prove)
    except ConfigErrors as errors:
        answer({"ok": False, "problems": errors.problems}, [str(errors)], as_json=as_json)
        raise typer.Exit(2) from None
    doubts = cautions(network, datetime.now(UTC)) + _refused_contacts(network)
    answer(_accepted(network, doubts), [_summary(network, doubts)], as_json=as_json)


@app.command(short_help="Make the database know exactly these stations.")
def apply(
    person: Person,
    folder: Folder = None,
    overlay: Overlay = None,
    why: Annotated[str | None, typer.Option(help="Goes into the audit.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the database know exactly these stations and channels; what vanished is deactivated, never deleted.

    Nothing is applied unless every file is right. May be repeated: what is unchanged is left alone.
    """
    from quantrac.desks.network import apply_network

    network = configured_network(folder, overlay)
    with database("stations", "stations apply") as conn:
        done = apply_network(conn, network, person, datetime.now(UTC), why)
    off = network.models_off()
    found = {"stations": done.stations, "settings": [each._asdict() for each in done.settings], "models_off": off}
    answer(found, [*map(_applied_line, done.stations), *map(_setting_line, done.settings), *off], as_json=as_json)


@app.command(short_help="Show what apply would change, and who runs with what.")
def diff(
    folder: Folder = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Show what `apply` would change in the database, and which agents do not run with these files; changes nothing.

    Channels: + new, ~ changed, - gone.
    """
    from quantrac.desks.network import foresee

    network = configured_network(folder, overlay)
    with database("stations", "stations diff") as conn:
        foreseen = foresee(conn, network, datetime.now(UTC))
    stations = [dataclasses.asdict(each.applied) | {"agent": each.agent} for each in foreseen.stations]
    found = {"stations": stations, "settings": [each._asdict() for each in foreseen.settings]}
    answer(found, [*map(_foreseen_line, foreseen.stations), *map(_setting_line, foreseen.settings)], as_json=as_json)


@app.command(short_help="Send a station's configuration to its agent.")
def push(
    station: Annotated[str, typer.Argument(help="Id of the station.", show_default=False)],
    person: Person,
    within: Within,
    folder: Annotated[Path | None, typer.Option("--config", help="Configuration; default QUANTRAC_CONFIG.")] = None,
    overlay: Overlay = None,
    why: Annotated[str | None, typer.Option(help="Goes into the audit.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send a station's configuration to its running agent, which tries every changed device before it switches.

    The agent takes it back by itself if channels that were valid before are not afterwards, or the link stays away.
    Apply it to the database first. Exit code 1: refused, rolled back, no answer, or a restart of the agent is needed.
    """
    from quantrac.desks import commands

    settings = Settings()
    logs.configure(settings.log, level=logging.WARNING)
    stations = configured_network(folder, overlay).stations
    if station not in stations:
        raise typer.BadParameter(f"found {station!r}, there are: {', '.join(sorted(stations))}")
    link = commands.link_to(settings, station)
    reply = commands.push(
        lambda: database("stations", "stations push"), link, stations[station], person=person, reason=why,
        clock=lambda: datetime.now(UTC), within_s=within,
    )  # fmt: skip
    said = reload_line(station, reply) if reply.get("ok") else f"{station}: refused: {reply.get('error')}"
    answer(reply, [said], as_json=as_json)
    if not is_in_force(reply):
        raise typer.Exit(1)


@app.command(short_help="Begin a station's file from one that exists.")
def new(
    station: Annotated[str, typer.Argument(help="Id of the new station, such as st-ke-sach.", show_default=False)],
    like: Annotated[str, typer.Option(metavar="ID", help="Station whose instruments it has, or nearly.")],
    vi: Annotated[str, typer.Option(help="Its Vietnamese name.")],
    en: Annotated[str, typer.Option(help="Its English name.")],
    latitude: Annotated[float, number("Degrees north.", least=-90, most=90)],
    longitude: Annotated[float, number("Degrees east.", least=-180, most=180)],
    commune: Annotated[str, typer.Option(help="Commune or ward in which it stands.")],
    in_service: Annotated[
        str | None, typer.Option(metavar="DATE", help="Readings before it are refused; default today.")
    ] = None,
    folder: Annotated[Path | None, typer.Option("--config", help="Configuration; default QUANTRAC_CONFIG.")] = None,
) -> None:
    """Write stations/ID.yaml from another station's file, and check it; comments and instruments are taken over.

    Left out is what belongs to one place or instrument: ministry, serial numbers, corrections, offsets to a datum.
    """
    from quantrac.desks.config_files import new_station

    root, since = folder or Settings().config, None if in_service is None else _date(in_service)
    made = NewStation(station, vi, en, latitude, longitude, commune, since)
    written, left_out = new_station(ConfigFolder(root), like, made, datetime.now(UTC))
    path = root / "stations" / f"{station}.yaml"
    path.write_text(written, "utf-8")
    try:
        load_network(root)
    except ConfigErrors:
        path.unlink()
        raise
    print(f"written: {path}; now make its buses and addresses those of this place")
    for key in left_out:
        print(f"left out: {key}")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"found {text!r}, expected a date such as 2026-11-24", param_hint="--in-service"
        ) from None


@app.command(short_help="Print the JSON schema of a kind of file, for editors; --write: all of them into schemas/.")
def schema(
    kind: Annotated[str, typer.Argument(help="Kind of file: station, device, rules, network or wiring.")] = "station",
    write: Annotated[
        bool, typer.Option("--write", help="Write those that the files name, with the profiles that are there.")
    ] = False,
    folder: Annotated[Path | None, typer.Option("--config", help="Configuration; default QUANTRAC_CONFIG.")] = None,
) -> None:
    """Print the JSON schema of a kind of file, for editors that check YAML while it is typed.

    The first line of each shipped file names its schema in schemas/. After a new profile: --write.
    """
    if write:
        for file in write_schemas(folder or Settings().config):
            print(file)
        return
    if kind not in SCHEMAS:
        raise typer.BadParameter(f"found {kind!r}, allowed {', '.join(SCHEMAS)}")
    print(json.dumps(json_schema(kind), indent=2, ensure_ascii=False))


AGENT_WORDS = {"same": "runs with these files", "other": "runs with others", "unheard": "not heard of yet"}


def _applied_line(applied: Applied) -> str:
    counts = f"{len(applied.added)} channels added, {len(applied.changed)} changed, {len(applied.removed)} removed"
    return f"{applied.station:<20} {applied.outcome:<12} {counts if applied.outcome != 'unchanged' else ''}".rstrip()


def _setting_line(change: SettingChange) -> str:
    before, after = ("not set" if each is None else each for each in (change.before, change.after))
    return f"setting {change.name}: {before} -> {after}"


def _foreseen_line(each: Foreseen) -> str:
    lists = (("+", each.applied.added), ("~", each.applied.changed), ("-", each.applied.removed))
    channels = "; ".join(f"{mark} {', '.join(names)}" for mark, names in lists if names)
    return (
        f"{each.applied.station:<20} {each.applied.outcome:<12} agent {AGENT_WORDS[each.agent]:<22} {channels}".rstrip()
    )


def _refused_contacts(network: Network) -> list[str]:
    """Return why none of the contacts of network.yaml would be taken; on an edge box nobody takes them."""
    contacts = network.settings.contacts
    if not contacts or find_spec("psycopg") is None:
        return []
    import psycopg

    from alerts.people.contacts import problems_of
    from quantrac.database.pool import one_line

    found, beside = list[str](), ""
    try:
        with database("alerts", "stations check") as conn:
            found = problems_of(contacts, conn)
    except MissingSetting:
        found = problems_of(contacts, None)
    except (QuantracError, psycopg.Error) as error:
        why = f"network.yaml: contacts: not held against the database: {one_line(error)}"
        found, beside = problems_of(contacts, None), why
    refused = (f"network.yaml: contacts: none is taken while one is refused: {problem}" for problem in found)
    return [*refused, *filter(None, [beside])]


def _accepted(network: Network, doubts: list[str]) -> dict[str, Any]:
    stations = {
        name: {"channels": len(station.channel_list()), "config": station.config_hash}
        for name, station in network.stations.items()
    }
    return {"ok": True, "problems": [], "warnings": doubts, "stations": stations}


def _summary(network: Network, doubts: list[str]) -> str:
    channels = sum(len(station.channel_list()) for station in network.stations.values())
    unconfirmed = sum(not versions[-1].confirmed for versions in network.limits.values())
    counts = (
        f"{len(network.stations)} stations, {channels} channels, {len(network.profiles)} device profiles, "
        f"{len(network.rules)} rules, {len(network.rule_tests)} rule tests, {len(network.limits)} limits "
        f"({unconfirmed} unconfirmed)"
    )
    place = f"{network.root} with overlay {network.overlay}" if network.overlay else str(network.root)
    return "\n".join([*(f"warning: {line}" for line in doubts), f"{place}: {counts}; nothing wrong"])
