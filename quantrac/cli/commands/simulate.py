"""`quantrac simulate`: the field in a box."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import threading

    from quantrac.config.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


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
    seed: Annotated[int | None, typer.Option(help="Seed of noise and weather, in place of the field file's.")] = None,
    detached: Annotated[
        bool, typer.Option("--detached", help="Go on when the process that started this one ends.")
    ] = False,
) -> None:
    """Run simulated instruments on real ports, by their manuals, until Ctrl-C or SIGTERM.

    Serial lines are pseudo-terminals paced to their baud rate; Modbus TCP listens on 127.0.0.1.
    """
    from quantrac.cli.running import run_until_signalled
    from simulators.field import PACKAGED, load_field
    from simulators.service import run

    def serve(_: Settings, stop: threading.Event) -> None:
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

    run_until_signalled(serve)
