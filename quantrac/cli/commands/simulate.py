"""`quantrac simulate`: runs simulated instruments on real ports."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

from quantrac.cli.environment import run_until_signalled
from quantrac.config.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def _list_faults(wanted: bool) -> None:
    if not wanted:
        return
    from simulators.faults.fault import KINDS

    print("KIND[:VALUE][,SHARE]@TARGET[+FROM..[TO][/EVERY]], TARGET is STATION/BUS/INSTRUMENT or a part of it\n")
    for name, kind in KINDS.items():
        print(f"{name + kind.sample:24}{kind.does}")
    raise typer.Exit


@app.command()
def simulate(
    wiring: Annotated[Path, typer.Option(help="Where to write the wiring file that tells agents where the buses are.")],
    journal: Annotated[Path, typer.Option(help="Folder for the journals: every value served, one JSON line each.")],
    field: Annotated[
        Path | None, typer.Option(help="Field file: stations, instruments, script. Default: the packaged six.")
    ] = None,
    station: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this station; may be repeated.")] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Recording (CSV, may be gzipped) to replay in place of the packaged one."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FAULT", help="A fault, such as late:0.45s@sondes/1; may be repeated. Kinds: --list-faults."
        ),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File of faults, one a line, read again whenever it changes."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of noise and weather, in place of the field file's.")] = None,
    with_parent: Annotated[
        bool, typer.Option("--with-parent/--detached", help="End when the process that started this one ends.")
    ] = False,
    _: Annotated[
        bool, typer.Option("--list-faults", callback=_list_faults, is_eager=True, help="Say which faults there are.")
    ] = False,
) -> None:
    """Run simulated instruments on real ports, by their manuals, until Ctrl-C or SIGTERM.

    Serial lines are pseudo-terminals paced to their baud rate; Modbus TCP listens on 127.0.0.1.
    """
    from simulators.faults.grammar import parse_fault
    from simulators.field.plan import PACKAGED, load_field
    from simulators.service import Asked, run

    def serve(_: Settings, stop: threading.Event) -> None:
        asked = Asked(
            wiring=wiring,
            journal_dir=journal,
            stations=station or [],
            replay=replay or [],
            seed=seed,
            faults=[parse_fault(text) for text in fault or []],
            fault_file=faults,
            with_parent=with_parent,
        )
        run(load_field(field or PACKAGED), asked, stop=stop, tell=lambda line: print(line, flush=True))

    run_until_signalled(serve)
