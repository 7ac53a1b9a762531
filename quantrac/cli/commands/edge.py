"""`quantrac edge …`: runs the agent beside the instruments, and talks to the one that runs."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from quantrac.cli.arguments import AsJson, answer, duration, group
from quantrac.cli.commands import edge_watch
from quantrac.cli.commands.edge_options import (
    Overlay,
    Station,
    Wiring,
    Within,
    folder_of,
    is_in_force,
    maintenance_lines,
    reload_line,
    spool_lines,
)
from quantrac.cli.commands.edge_options import settings as settings_of
from quantrac.cli.commands.edge_probe import probe
from quantrac.cli.environment import act_on_signals, stop_on_signal
from quantrac.observe import logs
from quantrac.telemetry.states import State

app = group()
spool = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)
app.add_typer(spool, name="spool", help="Look into the spool: what is stored, sent and acknowledged.")


@app.command(short_help="Run the agent: read, store, publish, until stopped.")
def run(
    station: Station,
    drain: Annotated[float, duration("When told to stop, go on publishing for at most so long.", default="0s")],
    wiring: Wiring = None,
    overlay: Overlay = None,
) -> None:
    """Read the station's instruments, store every message, publish it, and keep it until the centre has it.

    Runs until SIGTERM, Ctrl-C or `quantrac edge drain`; SIGHUP does what `quantrac edge reload` does.
    Exit code 1: asked to drain, it left something unacknowledged.
    Needs QUANTRAC_MQTT_URL, the files of QUANTRAC_CONFIG, and room in QUANTRAC_STATE_DIR (./state unless set).
    """
    from edge_agent.service import run as run_agent

    settings = settings_of(wiring=wiring, overlay=overlay)
    logs.configure(settings.log)
    logs.bind(service="edge", station=station)
    stop, reload = stop_on_signal(), threading.Event()
    act_on_signals({signal.SIGHUP: reload.set})
    if not run_agent(settings, station, stop=stop, drain_s=drain, reload=reload):
        raise typer.Exit(1)


app.command(short_help="Read instruments once, or find what hangs on a line.")(probe)


@app.command(short_help="Have the running agent read its files again.")
def reload(
    station: Station,
    within: Within,
    as_json: AsJson = False,
) -> None:
    """Have the running agent read its files again: check them, try each changed device, switch, watch.

    Nothing changes when a file is wrong (file, line and key are named) or a device does not answer. Waits until the new
    configuration has proved itself. Exit code 1: refused, rolled back, or a restart is needed for a part of it.
    """
    from edge_agent import desk

    reply = desk.reload(folder_of(station), within)
    answer(reply, [reload_line(station, reply)], as_json=as_json)
    if not is_in_force(reply):
        raise typer.Exit(1)


@app.command(short_help="Let the running agent send what it has, and end.")
def drain(
    station: Station,
    timeout: Annotated[float, duration("Longest wait.", default="60s")],
    as_json: AsJson = False,
) -> None:
    """Tell the running agent to stop sampling, to publish until the centre has acknowledged everything, and to end.

    Exit code 1: something was left when the time was over; the agent has ended all the same.
    """
    from edge_agent import desk

    outcome = desk.drain(folder_of(station), timeout)
    answer(outcome, spool_lines(outcome), as_json=as_json)
    if not outcome.get("drained"):
        raise typer.Exit(1)


@app.command(short_help="Show values, states, registers, misses, spool and link, live.")
def watch(
    station: Station,
    every: Annotated[float, duration("Time between two looks.", default="1s", least="100ms")],
    once: Annotated[bool, typer.Option("--once", help="One look, as text.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the newest value, state, age and raw registers of each channel, what each device missed, spool and uplink.

    Needs no link: it asks the running agent on this machine. Live on a terminal until Ctrl-C, a block a time off it.
    check: a CRC or checksum did not fit; frame: bytes that are no frame; late: an answer after its time; silent: no
    answer; refused: an exception; line: the port or connection was away.
    """
    from edge_agent import desk

    folder = folder_of(station)
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
    for_: Annotated[float | None, duration("How long, such as 30m or 2h; at most 7d.", "--for")] = None,
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

    if off:
        reply = desk.end_maintenance(folder_of(station), device)
    elif for_ is None:
        reply = desk.maintenance(folder_of(station))
    else:
        state = State.CAL if cal else State.MAINT
        reply = desk.maintain(folder_of(station), device, state, round(for_ * 1000), why)
    answer(reply, maintenance_lines(station, reply), as_json=as_json)
    if off and not reply["ended"]:
        raise typer.Exit(1)


@spool.command("status", short_help="Count what was produced, acknowledged, and waits.")
def spool_status(station: Station, as_json: AsJson = False) -> None:
    """Count the messages that were produced, acknowledged end to end, refused, lost, and still wait."""
    from edge_agent import desk
    from edge_agent.spooling import inspection

    folder = folder_of(station)
    try:
        found = desk.status(folder)
    except desk.AgentNotRunning:
        found = inspection.inspect(folder).as_dict()
    answer(found, spool_lines(found), as_json=as_json)


@spool.command("export", short_help="Write the stored messages as JSON Lines.")
def spool_export(
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
    from edge_agent.spooling import inspection

    folder = folder_of(station)
    lines = inspection.export_undated(folder) if undated else inspection.export(folder, epoch, first, last or 2**62)
    if out is None:
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
    else:
        with out.open("wb") as file:
            count = sum(1 for line in lines if file.write(line + b"\n"))
        print(f"{out}: {count} messages")


@spool.command("verify", short_help="Read every stored message and report what is wrong.")
def spool_verify(station: Station) -> None:
    """Read every stored message and report what is wrong. Exit code 1: something is."""
    from edge_agent.spooling import inspection

    folder = folder_of(station)
    findings = list(inspection.verify(folder))
    for each in findings:
        print(f"{folder}: epoch {each.epoch or '-'} seq {each.seq}: {each.what}")
    if findings:
        raise typer.Exit(1)
    print(f"{folder}: all is well")
