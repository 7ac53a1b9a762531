"""`quantrac simulate`: the field in a box."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def simulate(
    wiring: Annotated[Path, typer.Option(help="Where to write the wiring file that tells agents where the buses are.")],
    journal: Annotated[Path, typer.Option(help="Folder for the journals: every value served, one JSON line each.")],
    field: Annotated[
        Path | None, typer.Option(help="Field file: stations, instruments, script. Default: the packaged six.")
    ] = None,
    station: Annotated[list[str] | None, typer.Option(help="Only this station; may be repeated.")] = None,
    replay: Annotated[
        list[Path] | None, typer.Option(help="Recording (CSV, may be gzipped) to replay in place of the packaged one.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of noise and weather, in place of the field file's.")] = None,
    detached: Annotated[bool, typer.Option(help="Go on when the process that started this one ends.")] = False,
) -> None:
    """Simulated instruments on real ports, by their manuals, until Ctrl-C or SIGTERM.

    Serial lines are pseudo-terminals paced to their baud rate; Modbus TCP listens on 127.0.0.1.
    """
    import signal
    import threading

    from simulators.field import PACKAGED, load_field
    from simulators.service import run

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(
        load_field(field or PACKAGED),
        stations=station or [],
        wiring=wiring,
        journal_dir=journal,
        replay=replay or [],
        seed=seed,
        stop=stop,
        tell=lambda line: print(line, flush=True),
        with_parent=not detached,
    )
