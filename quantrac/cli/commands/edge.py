"""`quantrac edge`: the agent beside the instruments, and a look into its spool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from edge_agent.commissioning.probing import DevicePlan
    from edge_agent.spooling.report import Report
    from quantrac.config.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)
spool_app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)
app.add_typer(spool_app, name="spool", help="Look into the spool: what is stored, sent and acknowledged.")

Station = Annotated[str, typer.Option("--station", help="Id of the station, such as st-my-thanh.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]


@app.callback()
def _edge() -> None:
    """Beside the instruments: run the agent, probe devices, look into the spool."""


@app.command(short_help="Run the agent: read, store, publish, until stopped.")
def run(
    station: Station,
    wiring: Annotated[
        Path | None, typer.Option(help="File that says where the buses are on this bench; default QUANTRAC_WIRING.")
    ] = None,
    overlay: Annotated[
        str | None,
        typer.Option(help="Folder of the configuration laid over it, such as demo; default QUANTRAC_OVERLAY."),
    ] = None,
    drain: Annotated[
        float, typer.Option(min=0, help="When told to stop, go on publishing for at most so many seconds.")
    ] = 0.0,
) -> None:
    """Read the station's instruments, store every message, publish it, and keep it until the centre has it.

    Runs until SIGTERM, Ctrl-C or `quantrac edge drain`; SIGHUP does what `quantrac edge reload` does.
    Exit code 1: asked to drain, it left something unacknowledged.
    Needs QUANTRAC_MQTT_URL, the files of QUANTRAC_CONFIG, and room in QUANTRAC_STATE_DIR (./state unless set).
    """
    import signal
    import threading

    from edge_agent.service import run as run_agent
    from quantrac.observe import logs

    settings = _settings(wiring=wiring, overlay=overlay)
    logs.configure(settings.log)
    logs.bind(service="edge", station=station)
    stop, reload = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: reload.set())
    if not run_agent(settings, station, stop=stop, drain_s=drain, reload=reload):
        raise typer.Exit(1)


@app.command(short_help="Read instruments once, or find what hangs on a line.")
def probe(
    station: Annotated[str | None, typer.Option("--station", help="Id of the station, such as st-my-thanh.")] = None,
    wiring: Annotated[
        Path | None, typer.Option(help="File that says where the buses are on this bench; default QUANTRAC_WIRING.")
    ] = None,
    overlay: Annotated[
        str | None,
        typer.Option(help="Folder of the configuration laid over it, such as demo; default QUANTRAC_OVERLAY."),
    ] = None,
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
        from quantrac.cli.commands.edge_probe import Wish, probe_port

        timeout_ms = round(timeout * 1000)
        wish = Wish(
            port, line, rtu, scan, units, unit, register, table, kind, expect, profile, timeout_ms, limit, as_json
        )
        probe_port(wish)
        return
    assert station is not None
    import time

    from edge_agent.commissioning import probing
    from edge_agent.service import configured_station

    found_station = configured_station(_settings(wiring=wiring, overlay=overlay), station)
    if device is not None and device not in found_station.devices:
        raise typer.BadParameter(f"{station} has no device {device!r}; it has: {', '.join(found_station.devices)}")

    def clock() -> int:
        return time.time_ns() // 1_000_000

    if plan:
        _show_plan([row for row in probing.plan_of(found_station, clock) if device in (None, row.device)], as_json)
        return
    found = probing.probe(found_station, clock, device)
    for row in found:
        if as_json:
            print(json.dumps(row._asdict()))
        else:
            value = "-" if row.value is None else f"{row.value:g} {row.unit}"
            print(f"{row.device}/{row.channel}: {value}  {row.state}{'  ' + row.why if row.why else ''}")
    if any(row.why for row in found):
        raise typer.Exit(1)


@app.command(short_help="Have the running agent read its files again.")
def reload(
    station: Station,
    within: Annotated[
        float, typer.Option(min=1, help="Seconds in which it must deliver what the old one did, or it is taken back.")
    ] = 300.0,
    as_json: AsJson = False,
) -> None:
    """Have the running agent read its files again: check them, try each changed device, switch, watch.

    Nothing changes when a file is wrong (file, line and key are named) or a device does not answer. Waits until the new
    configuration has proved itself. Exit code 1: refused or rolled back.
    """
    from edge_agent import desk

    answer = desk.reload(_folder(station), within)
    if as_json:
        print(json.dumps(answer))
    else:
        print(f"{station}: {answer['outcome']}; {answer['said']}{'; ' + answer['why'] if 'why' in answer else ''}")
    if answer["outcome"] == "rolled back":
        raise typer.Exit(1)


@app.command(short_help="Let the running agent send what it has, and end.")
def drain(
    station: Station,
    timeout: Annotated[float, typer.Option(min=0, help="Longest wait, seconds.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Tell the running agent to stop sampling, to publish until the centre has acknowledged everything, and to end.

    Exit code 1: something was left when the time was over; the agent has ended all the same.
    """
    from edge_agent import desk

    outcome = desk.drain(_folder(station), timeout)
    _say(outcome, as_json)
    if not outcome.get("drained"):
        raise typer.Exit(1)


@app.command(short_help="Show values, states, registers, misses, spool and link, live.")
def watch(
    station: Station,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="One look, as text.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the newest value, state, age and raw registers of each channel, what each device missed, spool and uplink.

    Needs no link: it asks the running agent on this machine. Live on a terminal until Ctrl-C, a block a time off it.
    check: a CRC or checksum did not fit; frame: bytes that are no frame; late: an answer after its time; silent: no
    answer; refused: an exception; line: the port or connection was away.
    """
    import contextlib

    from edge_agent import desk
    from quantrac.cli.commands import edge_watch

    folder = _folder(station)
    if as_json:
        print(json.dumps(desk.live(folder)))
    elif once:
        print("\n".join(edge_watch.text_of(desk.live(folder))))
    else:
        with contextlib.suppress(KeyboardInterrupt):
            edge_watch.show(lambda: desk.live(folder), every)


@app.command(short_help="Mark what is measured as maintenance or calibration for a time.")
def maint(
    station: Station,
    device: Annotated[str | None, typer.Option(help="Only this device; default: the whole station.")] = None,
    for_: Annotated[str | None, typer.Option("--for", help="How long, such as 30m or 2h; at most 7d.")] = None,
    cal: Annotated[bool, typer.Option("--cal", help="State cal (calibration) instead of maint.")] = False,
    off: Annotated[bool, typer.Option("--off", help="End it now.")] = False,
    why: Annotated[str, typer.Option(help="Goes on record, such as 'wiper replaced'.")] = "",
    as_json: AsJson = False,
) -> None:
    """Tell the running agent that somebody works on a device, or on the whole station; without --for or --off: show.

    The agent ends it by itself when the time is over, keeps it over a restart, and puts both on record.
    Example: quantrac edge maint --station st-my-thanh --device sonde --for 30m --why cleaned
    """
    from edge_agent import desk
    from quantrac.telemetry.states import State

    if off:
        answer = desk.end_maintenance(_folder(station), device)
    elif for_ is None:
        answer = desk.maintenance(_folder(station))
    else:
        answer = desk.maintain(_folder(station), device, State.CAL if cal else State.MAINT, _duration_ms(for_), why)
    _say_maintenance(station, answer, as_json)
    if off and not answer["ended"]:
        raise typer.Exit(1)


@spool_app.command(short_help="Count what was produced, acknowledged, and waits.")
def status(station: Station, as_json: AsJson = False) -> None:
    """Count the messages that were produced, acknowledged end to end, refused, lost, and still wait."""
    from edge_agent import desk
    from edge_agent.spooling import inspection

    folder = _folder(station)
    try:
        found = desk.status(folder)
    except desk.AgentNotRunning:
        found = _as_dict(inspection.inspect(folder))
    _say(found, as_json)


@spool_app.command(short_help="Write the stored messages as JSON Lines.")
def export(
    station: Station,
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
    epoch: Annotated[str | None, typer.Option(help="Only this epoch (the name of a spool).")] = None,
    first: Annotated[int, typer.Option(min=1, help="First message, by its number in the epoch.")] = 1,
    last: Annotated[int | None, typer.Option(min=1, help="Last message, by its number in the epoch.")] = None,
    undated: Annotated[
        bool, typer.Option("--undated", help="Instead: what was measured before the clock was set.")
    ] = False,
) -> None:
    """Write the stored messages as JSON Lines, as they are published, oldest first.

    With --undated the records without a time: boot (start of the machine), shown (what the clock showed, ms since
    1970), since_boot (ms). Those of an earlier boot never get one; their readings are kept here.
    """
    import sys

    from edge_agent.spooling import inspection

    folder = _folder(station)
    lines = inspection.export_undated(folder) if undated else inspection.export(folder, epoch, first, last or 2**62)
    if out is None:
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
    else:
        with out.open("wb") as file:
            count = sum(1 for line in lines if file.write(line + b"\n"))
        print(f"{out}: {count} messages")


@spool_app.command(short_help="Read every stored message and report what is wrong.")
def verify(station: Station) -> None:
    """Read every stored message and report what is wrong. Exit code 1: something is."""
    from edge_agent.spooling import inspection

    folder = _folder(station)
    findings = list(inspection.verify(folder))
    for each in findings:
        print(f"{folder}: epoch {each.epoch or '-'} seq {each.seq}: {each.what}")
    if findings:
        raise typer.Exit(1)
    print(f"{folder}: all is well")


def _show_plan(rows: list[DevicePlan], as_json: bool) -> None:
    for row in rows:
        if as_json:
            print(json.dumps({**row._asdict(), "requests": [each._asdict() for each in row.requests]}))
            continue
        load = "" if row.load is None else f", {row.wire_ms:.0f} ms on the line, load {row.load:.1%}"
        print(f"{row.device} on {row.bus} ({row.place}), every {row.every_ms / 1000:g} s{load}")
        for request in row.requests:
            print(f"  {request.text}  {' '.join(request.signals)}")


def _duration_ms(text: str) -> int:
    from pydantic_core import PydanticCustomError

    from quantrac.config.fields import parse_duration

    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        raise typer.BadParameter(f"--for: found {text!r}, allowed {error.message()}") from error


def _say_maintenance(station: str, answer: dict[str, Any], as_json: bool) -> None:
    from datetime import UTC, datetime

    if as_json:
        print(json.dumps(answer))
        return
    for name, order in answer["maintenance"].items():
        until = datetime.fromtimestamp(order["until"] / 1000, UTC)
        print(f"{station} {name or 'all devices'}: {order['state']} until {until:%Y-%m-%d %H:%M:%S} UTC")
    if not answer["maintenance"]:
        print(f"{station}: no maintenance")


def _settings(**given: Any) -> Settings:
    from quantrac.config.settings import Settings

    return Settings().model_copy(update={name: value for name, value in given.items() if value is not None})


def _folder(station: str) -> Path:
    return _settings().state_dir / station


def _as_dict(report: Report) -> dict[str, Any]:
    return {**report._asdict(), "epochs": [each._asdict() for each in report.epochs]}


def _say(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    link = "connected" if found["connected"] else "not connected" if found["running"] else "not running"
    print(
        f"{found['station']}: {link}, produced {found['produced']}, acknowledged {found['acknowledged']},"
        f" waiting {found['waiting'] + found['in_memory']}, refused {found['refused']}, lost {found['lost']},"
        f" {found['used_bytes'] / 1e6:.1f} MB, disk {found['disk']}"
    )
    if found.get("undated"):
        print(f"  {found['undated']} records without a time: measured before the clock was set (export --undated)")
    if found.get("unstored"):
        print(f"  {found['unstored']} records were never stored: memory was full while the disk could not be written")
    for device, kinds in found.get("errors", {}).items():
        print(f"  {device}: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
