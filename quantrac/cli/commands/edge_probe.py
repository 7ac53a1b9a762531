"""`quantrac edge probe`: reads each instrument of a station once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson
from quantrac.cli.commands.edge_options import Overlay, Wiring, clock_ms, settings

if TYPE_CHECKING:
    from edge_agent.acquiring.spot_read import SpotReading
    from edge_agent.commissioning.probe import DevicePlan
    from quantrac.config.stations import Station


def probe(
    station: Annotated[str | None, typer.Option("--station", help="Id of the station, such as st-my-thanh.")] = None,
    wiring: Wiring = None,
    overlay: Overlay = None,
    device: Annotated[str | None, typer.Option(help="Only this device of the station.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be asked; nothing is opened.")] = False,
    port: Annotated[str | None, typer.Option(help="Instead of a station: a serial port, or host:port.")] = None,
    scan: Annotated[bool, typer.Option("--scan", help="Find line settings and addresses on --port.")] = False,
    line: Annotated[str, typer.Option(help="Line settings such as '19200 8E1'; with --scan only these.")] = "",
    rtu: Annotated[bool, typer.Option("--rtu", help="RTU frames over host:port (a serial-device server).")] = False,
    units: Annotated[str | None, typer.Option(help="Units to look for, such as 1-20.")] = None,
    unit: Annotated[int, typer.Option(min=0, max=255, help="Modbus unit to read.")] = 1,
    register: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Address of a value as the manual prints it, without 3 or 4xxxx."),
    ] = None,
    table: Annotated[str, typer.Option(help="Kind of registers: holding or input.")] = "holding",
    kind: Annotated[str | None, typer.Option("--type", help="Only this type, such as float32.")] = None,
    expect: Annotated[float | None, typer.Option(help="What the instrument's display shows.")] = None,
    profile: Annotated[Path | None, typer.Option(help="Device profile (a file) to read from --port.")] = None,
    timeout: Annotated[float, typer.Option(min=0.05, help="Longest wait for an answer, seconds.")] = 1.5,
    limit: Annotated[float, typer.Option(min=1, help="Longest time of --scan, seconds.")] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Read each instrument of a station once, or show what would be asked; or look round on a line (--port).

    The agent must not be running. Exit code 1: an instrument did not answer.
    Examples: quantrac edge probe --port /dev/ttyUSB0 --scan
    quantrac edge probe --port /dev/ttyUSB0 --line '9600 8N1' --unit 1 --register 46 --expect 7.62
    """
    if (port is None) == (station is None):
        raise typer.BadParameter("give --station, or --port")
    if table not in ("holding", "input"):
        raise typer.BadParameter(f"--table: found {table!r}, allowed holding, input")
    if port is not None:
        from quantrac.cli.commands.edge_line import LineOptions, look_round

        timeout_ms = round(timeout * 1000)
        look_round(
            LineOptions(
                port, line, rtu, scan, units, unit, register, table, kind, expect, profile, timeout_ms, limit, as_json
            )
        )
    elif station is not None:
        found = _station(station, wiring, overlay, device)
        if plan:
            _show_plan(found, device, as_json)
        else:
            _read(found, device, as_json)


def _station(name: str, wiring: Path | None, overlay: str | None, device: str | None) -> Station:
    from edge_agent.control.agent_plan import configured_station

    station = configured_station(settings(wiring=wiring, overlay=overlay), name)
    if device is not None and device not in station.devices:
        raise typer.BadParameter(f"{name} has no device {device!r}; it has: {', '.join(station.devices)}")
    return station


def _show_plan(station: Station, device: str | None, as_json: bool) -> None:
    from edge_agent.commissioning import probe as device_probe

    for row in device_probe.plan_of(station, clock_ms):
        if device not in (None, row.device):
            continue
        if as_json:
            print(json.dumps({**row._asdict(), "requests": [each._asdict() for each in row.requests]}))
        else:
            print("\n".join(_plan_lines(row)))


def _plan_lines(row: DevicePlan) -> list[str]:
    load = "" if row.load is None else f", {row.wire_ms:.0f} ms on the line, load {row.load:.1%}"
    head = f"{row.device} on {row.bus} ({row.place}), every {row.every_ms / 1000:g} s{load}"
    return [head, *(f"  {request.text}  {' '.join(request.signals)}" for request in row.requests)]


def _read(station: Station, device: str | None, as_json: bool) -> None:
    """Read once and print; exit code 1 if something did not answer."""
    from edge_agent.commissioning import probe as device_probe

    found = device_probe.probe(station, clock_ms, device)
    for row in found:
        print(json.dumps(row._asdict()) if as_json else _reading_line(row))
    if any(row.why for row in found):
        raise typer.Exit(1)


def _reading_line(row: SpotReading) -> str:
    value = "-" if row.value is None else f"{row.value:g} {row.unit}"
    return f"{row.device}/{row.channel}: {value}  {row.state}  {row.why}".rstrip()
