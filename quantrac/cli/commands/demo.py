"""`quantrac demo`: runs the whole system on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from quantrac.cli.environment import stop_on_signal

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Run so long from the first reading, then drain and judge.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the verdict as JSON to this file.")] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on with the data of the last run; without it a run starts empty.")
    ] = False,
    project: Annotated[Path, typer.Option(help="The folder that holds station_configs.")] = Path(),
) -> None:
    """Start six simulated stations and the whole centre on this machine; Ctrl-C stops all of it.

    With --seconds it then drains, prints the ledger, and exits 0 only if the books balance, every stored value equals
    the instruments' journal, and an alarm rose, was told and cleared.
    """
    from quantrac.cli.demo.run import run_demo
    from quantrac.cli.demo.system import DemoOptions

    if report is not None and seconds is None:
        print(f"{report} will not be written: there is a verdict only after --seconds N", file=sys.stderr)
    if report is not None:  # said now, not after the run; the one of an older run goes
        report.touch()
        report.unlink()
    options = DemoOptions(project.resolve(), seconds, report, keep)
    stop = stop_on_signal("stopping everything that was started; this takes some seconds")
    faultless = run_demo(options, lambda line: print(line, flush=True), stop.is_set)
    sys.exit(0 if faultless else 1)
