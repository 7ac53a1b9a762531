"""`quantrac edge probe`: reads each instrument of a station once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson, duration, number
from quantrac.cli.commands.edge_capture import CaptureWish, capture_wish, write_capture
from quantrac.cli.commands.edge_options import Overlay, Wiring, clock_ms, settings

if TYPE_CHECKING:
    from edge_agent.acquiring.spot_read import SpotReading
    from edge_agent.commissioning.probe import DevicePlan
    from quantrac.config.stations import Device, Station


def probe(
    limit: Annotated[float, duration("Longest time of --scan and --listen.", default="150s", least="1s")],
    station: Annotated[str | None, typer.Option("--station", help="Id of the station, such as st-my-thanh.")] = None,
    wiring: Wiring = None,
    overlay: Overlay = None,
    device: Annotated[str | None, typer.Option(help="Only this device of the station.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be asked; nothing is opened.")] = False,
    port: Annotated[str | None, typer.Option(help="Instead of a station: a serial port, or host:port.")] = None,
    scan: Annotated[bool, typer.Option("--scan", help="Find line settings and addresses on --port.")] = False,
    line: Annotated[str, typer.Option(help="Line settings such as '19200 8E1'; with --scan only these.")] = "",
    listen: Annotated[bool, typer.Option("--listen", help="Show the raw lines that come on --port.")] = False,
    framing: Annotated[
        str | None, typer.Option(help="Modbus frames: rtu (over host:port, too: a serial-device server) or ascii.")
    ] = None,
    echo: Annotated[bool, typer.Option("--echo", help="The adapter repeats what is sent.")] = False,
    units: Annotated[str | None, typer.Option(help="Units to look for, such as 1-20.")] = None,
    unit: Annotated[int, typer.Option(min=0, max=255, help="Modbus unit to read.")] = 1,
    address: Annotated[
        str | None, typer.Option(help="With --profile: address of an instrument that is no Modbus unit, such as 0.")
    ] = None,
    register: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Address of a value as the manual prints it, without 3 or 4xxxx."),
    ] = None,
    table: Annotated[str, typer.Option(help="Kind of registers: holding or input.")] = "holding",
    kind: Annotated[str | None, typer.Option("--type", help="Only this type, such as float32.")] = None,
    expect: Annotated[float | None, number("What the instrument's display shows.")] = None,
    profile: Annotated[Path | None, typer.Option(help="Device profile (a file) to read from --port.")] = None,
    timeout: Annotated[
        float | None, duration("Longest wait for an answer; default the profile's, or 1500ms.", least="50ms")
    ] = None,
    capture: Annotated[
        Path | None,
        typer.Option(help="Write what was said as a golden exchange into this profile, or a new file."),
    ] = None,
    display: Annotated[
        list[str] | None, typer.Option(help="With --capture: what the display shows of a signal, such as ph=7.62.")
    ] = None,
    note: Annotated[str, typer.Option(help="With --capture: serial number, place, anything that helps.")] = "",
    as_json: AsJson = False,
) -> None:
    """Read each instrument of a station once, or show what would be asked; or look round on a line (--port).

    The agent must not be running. Exit code 1: an instrument did not answer.
    Examples: quantrac edge probe --port /dev/ttyUSB0 --scan
    quantrac edge probe --port /dev/ttyUSB0 --line '9600 8N1' --listen --limit 20s
    quantrac edge probe --port /dev/ttyUSB0 --line '9600 8N1' --unit 1 --register 46 --expect 7.62
    quantrac edge probe --station st-my-thanh --device sonde --capture devices/x.yaml --display ph=7.62
    """
    if (port is None) == (station is None):
        raise typer.BadParameter("give --station, or --port")
    if table not in ("holding", "input"):
        raise typer.BadParameter(f"--table: found {table!r}, allowed holding, input")
    wish = capture_wish(capture, display or [], note)
    if wish is not None and (profile if port is not None else device) is None:
        raise typer.BadParameter("--capture needs --port and --profile, or --station and --device")
    if port is not None:
        from quantrac.cli.commands.edge_line import LineOptions, look_round

        timeout_ms = None if timeout is None else round(timeout * 1000)
        look_round(
            LineOptions(
                port, line, framing, echo, scan, listen, units, unit, address, register, table, kind, expect, profile,
                timeout_ms, limit, as_json, wish,
            )
        )  # fmt: skip
    elif station is not None:
        found = _station(station, wiring, overlay, device)
        if wish is not None:
            _capture(wish, found.devices[str(device)], as_json)
        elif plan:
            _show_plan(found, device, as_json)
        else:
            _read(found, device, as_json)


def _station(name: str, wiring: Path | None, overlay: str | None, device: str | None) -> Station:
    from edge_agent.control.agent_plan import configured_station

    station = configured_station(settings(wiring=wiring, overlay=overlay), name)
    if device is not None and device not in station.devices:
        raise typer.BadParameter(f"{name} has no device {device!r}; it has: {', '.join(station.devices)}")
    return station


def _capture(wish: CaptureWish, device: Device, as_json: bool) -> None:
    """Read every signal of a device's profile, and write the exchanges."""
    from edge_agent.commissioning.probe import read_profile
    from quantrac.cli.commands.edge_line import show_reading

    reading = read_profile(device.profile, device.bus, device.address, device.timeout_ms, clock_ms)
    show_reading(reading, as_json=as_json)
    write_capture(wish, device.profile, device.bus.kind, reading)


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
    if any(row.state == "comm" for row in found):
        raise typer.Exit(1)


def _reading_line(row: SpotReading) -> str:
    value = "-" if row.value is None else f"{row.value:g} {row.unit}"
    return f"{row.device}/{row.channel}: {value}  {row.state}  {row.why}".rstrip()
