"""`quantrac edge spool …`: counts, exports and verifies the messages of a station's spool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quantrac.cli.arguments import AsJson, answer
from quantrac.cli.commands.edge_options import Station, folder_of, spool_lines

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.command(short_help="Count what was produced, acknowledged, and waits.")
def status(station: Station, as_json: AsJson = False) -> None:
    """Count the messages that were produced, acknowledged end to end, refused, lost, and still wait."""
    from edge_agent import desk
    from edge_agent.spooling import inspection

    folder = folder_of(station)
    try:
        found = desk.status(folder)
    except desk.AgentNotRunning:
        found = inspection.inspect(folder).as_dict()
    answer(found, spool_lines(found), as_json=as_json)


@app.command(short_help="Write the stored messages as JSON Lines.")
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

    folder = folder_of(station)
    lines = inspection.export_undated(folder) if undated else inspection.export(folder, epoch, first, last or 2**62)
    if out is None:
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
    else:
        with out.open("wb") as file:
            count = sum(1 for line in lines if file.write(line + b"\n"))
        print(f"{out}: {count} messages")


@app.command(short_help="Read every stored message and report what is wrong.")
def verify(station: Station) -> None:
    """Read every stored message and report what is wrong. Exit code 1: something is."""
    from edge_agent.spooling import inspection

    folder = folder_of(station)
    findings = list(inspection.verify(folder))
    for each in findings:
        print(f"{folder}: epoch {each.epoch or '-'} seq {each.seq}: {each.what}")
    if findings:
        raise typer.Exit(1)
    print(f"{folder}: all is well")
