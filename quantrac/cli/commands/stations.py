"""`quantrac stations …`: checks, applies and pushes station files, and prints their schemas for editors."""

from __future__ import annotations

import dataclasses
import json
import logging
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantrac.cli.arguments import AsJson, Person, answer, group
from quantrac.cli.commands.edge_options import reload_line
from quantrac.cli.environment import configured_network, database
from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.schemas import SCHEMAS, json_schema
from quantrac.config.settings import Settings
from quantrac.config.station_copy import NewStation, copied
from quantrac.observe import logs

if TYPE_CHECKING:
    from quantrac.desks.network import Applied, Foreseen

app = group()

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
    """Check stations, device profiles, rules and network.yaml; one finding a line, exit 2 if there is one."""
    try:
        network = configured_network(folder, overlay)
    except ConfigErrors as errors:
        answer({"ok": False, "problems": errors.problems}, [str(errors)], as_json=as_json)
        raise typer.Exit(2) from None
    answer(_accepted(network), [_summary(network)], as_json=as_json)


@app.command(short_help="Make the database know exactly these stations.")
def apply(
    person: Person,
    folder: Folder = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Make the database know exactly these stations and channels; what vanished is deactivated, never deleted.

    Nothing is applied unless every file is right. May be repeated: what is unchanged is left alone.
    """
    from quantrac.desks.network import apply_network

    network = configured_network(folder, overlay)
    with database("stations", "stations apply") as conn:
        done = apply_network(conn, network, person, datetime.now(UTC))
    answer(done, map(_applied_line, done), as_json=as_json)


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
    found = [dataclasses.asdict(each.applied) | {"agent": each.agent} for each in foreseen]
    answer(found, map(_foreseen_line, foreseen), as_json=as_json)


@app.command(short_help="Send a station's configuration to its agent.")
def push(
    station: Annotated[str, typer.Argument(help="Id of the station.", show_default=False)],
    person: Person,
    folder: Annotated[Path | None, typer.Option("--config", help="Configuration; default QUANTRAC_CONFIG.")] = None,
    overlay: Overlay = None,
    within: Annotated[
        float, typer.Option(min=1, help="Seconds in which it must deliver what the old one did, or it is taken back.")
    ] = 300.0,
    why: Annotated[str | None, typer.Option(help="Goes into the audit.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send a station's configuration to its running agent, which tries every changed device before it switches.

    The agent takes it back by itself if channels that were valid before are not afterwards, or the link stays away.
    Apply it to the database first. Exit code 1: refused, rolled back, or no answer.
    """
    from quantrac.desks import commands

    settings = Settings()
    logs.configure(settings.log, level=logging.WARNING)
    stations = configured_network(folder, overlay).stations
    if station not in stations:
        raise typer.BadParameter(f"found {station!r}, there are: {', '.join(sorted(stations))}")
    link = commands.link_to(settings, station)
    with database("stations", "stations push") as conn:
        reply = commands.push(
            conn, link, stations[station], person=person, reason=why,
            clock=lambda: datetime.now(UTC), within_s=within,
        )  # fmt: skip
    said = reload_line(station, reply) if reply.get("ok") else f"{station}: refused: {reply.get('error')}"
    answer(reply, [said], as_json=as_json)
    if reply.get("outcome") not in ("confirmed", "unchanged"):
        raise typer.Exit(1)


@app.command(short_help="Begin a station's file from one that exists.")
def new(
    station: Annotated[str, typer.Argument(help="Id of the new station, such as st-ke-sach.", show_default=False)],
    like: Annotated[str, typer.Option(metavar="ID", help="Station whose instruments it has, or nearly.")],
    vi: Annotated[str, typer.Option(help="Its Vietnamese name.")],
    en: Annotated[str, typer.Option(help="Its English name.")],
    latitude: Annotated[float, typer.Option(min=-90, max=90, help="Degrees north.")],
    longitude: Annotated[float, typer.Option(min=-180, max=180, help="Degrees east.")],
    commune: Annotated[str, typer.Option(help="Commune or ward in which it stands.")],
    in_service: Annotated[
        str | None, typer.Option(metavar="DATE", help="Readings before it are refused; default today.")
    ] = None,
    folder: Annotated[Path | None, typer.Option("--config", help="Configuration; default QUANTRAC_CONFIG.")] = None,
) -> None:
    """Write stations/ID.yaml from another station's file, and check it; comments and instruments are taken over.

    Left out is what belongs to one place or instrument: ministry, serial numbers, corrections, offsets to a datum.
    """
    root = folder or Settings().config
    network = load_network(root)
    known = network.stations
    if like not in known:
        raise typer.BadParameter(f"found {like!r}, there are: {', '.join(sorted(known))}", param_hint="--like")
    if station in known:
        raise typer.BadParameter(f"{station} exists", param_hint="station")
    since = datetime.now(network.zone).date() if in_service is None else _date(in_service)
    text = (root / "stations" / f"{like}.yaml").read_text("utf-8")
    written, left_out = copied(text, NewStation(station, vi, en, latitude, longitude, commune, since))
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


@app.command(short_help="Print the JSON schema of a kind of file, for editors.")
def schema(
    kind: Annotated[str, typer.Argument(help="Kind of file: station, device, rules, network or wiring.")] = "station",
) -> None:
    """Print the JSON schema of a kind of file, for editors that check YAML while it is typed."""
    if kind not in SCHEMAS:
        raise typer.BadParameter(f"found {kind!r}, allowed {', '.join(SCHEMAS)}")
    print(json.dumps(json_schema(kind), indent=2, ensure_ascii=False))


AGENT_WORDS = {"same": "runs with these files", "other": "runs with others", "unheard": "not heard of yet"}


def _applied_line(applied: Applied) -> str:
    counts = f"{len(applied.added)} channels added, {len(applied.changed)} changed, {len(applied.removed)} removed"
    return f"{applied.station:<20} {applied.outcome:<12} {counts if applied.outcome != 'unchanged' else ''}".rstrip()


def _foreseen_line(each: Foreseen) -> str:
    lists = (("+", each.applied.added), ("~", each.applied.changed), ("-", each.applied.removed))
    channels = "; ".join(f"{mark} {', '.join(names)}" for mark, names in lists if names)
    return (
        f"{each.applied.station:<20} {each.applied.outcome:<12} agent {AGENT_WORDS[each.agent]:<22} {channels}".rstrip()
    )


def _accepted(network: Network) -> dict[str, Any]:
    stations = {
        name: {"channels": len(station.channel_list()), "config": station.config_hash}
        for name, station in network.stations.items()
    }
    return {"ok": True, "problems": [], "warnings": _warnings(network), "stations": stations}


def _warnings(network: Network) -> list[str]:
    """Return what is allowed and hardly meant, one line each."""
    return [f"{name}: {s.spool.warning}" for name, s in sorted(network.stations.items()) if s.spool.warning]


def _summary(network: Network) -> str:
    channels = sum(len(station.channel_list()) for station in network.stations.values())
    counts = (
        f"{len(network.stations)} stations, {channels} channels, {len(network.profiles)} device profiles, "
        f"{len(network.rules)} rules, {len(network.rule_tests)} rule tests"
    )
    place = f"{network.root} with overlay {network.overlay}" if network.overlay else str(network.root)
    return "\n".join([*(f"warning: {line}" for line in _warnings(network)), f"{place}: {counts}; nothing wrong"])
