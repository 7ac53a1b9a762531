"""`quantrac import …`: stores readings of the years before Quantrac from files, through the checks of ingest."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from quantrac.cli.arguments import AsJson, Person, answer, duration, group
from quantrac.cli.environment import database
from quantrac.config.settings import Settings

if TYPE_CHECKING:
    from ingest.importing.files import Format
    from ingest.importing.import_run import Progress

app = group()
PROBLEMS_SHOWN: Final = 100

Paths = Annotated[list[Path], typer.Argument(help="Files, or folders that are searched for them.")]
StationOption = Annotated[str, typer.Option("--station", help="Station whose readings these are.")]
MapOption = Annotated[list[str], typer.Option("--map", help="NAME=CHANNEL; may be repeated.")]
SkipOption = Annotated[list[str], typer.Option("--skip", help="Name that is left out; may be repeated.")]


@app.command(short_help="The ministry's five-minute files.")
def tt10(
    paths: Paths,
    station: StationOption,
    person: Person,
    mapped: MapOption = [],  # noqa: B006
    skip: SkipOption = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Import the ministry's five-minute files (*.txt): name, value, unit, yyyyMMddHHmmss and state, parted by tabs.

    Symbols are those of `ministry` in the station's file, where there is one; --map says others. May be stopped and
    repeated: it goes on where it was, and what is there already is not stored twice. A line that cannot be used is told
    with file and line, and counted; then the exit code is 1.
    """
    _run("tt10", paths, station, 300_000, mapped, skip, person, as_json, _filed(station))


@app.command("csv", short_help="CSV files, long or wide.")
def csv_files(
    paths: Paths,
    station: StationOption,
    person: Person,
    interval: Annotated[
        float, duration("How far apart the values are, such as 5m: completeness counts by it.", least="1ms")
    ],
    mapped: MapOption = [],  # noqa: B006
    skip: SkipOption = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Import CSV files (*.csv). Long: columns time, channel, value, and if wanted unit, state, station.

    Wide: a column time and one column a channel. Times without an offset are those of the network's
    time zone. Files of `quantrac export readings` go back in. May be stopped and repeated, as `tt10`.
    """
    _run("csv", paths, station, round(interval * 1000), mapped, skip, person, as_json)


def _run(
    file_format: Format, paths: list[Path], station: str, interval_ms: int, mapped: list[str], skip: list[str],
    person: str, as_json: bool, filed: Mapping[str, str] = MappingProxyType({}),
) -> None:  # fmt: skip
    from ingest.importing.import_run import Order, run_import
    from ingest.importing.line import LineProblem

    chosen = {**filed, **dict(_pair(each) for each in mapped)}
    order = Order(station, file_format, tuple(paths), interval_ms, chosen, skip, person)
    shown = 0

    def tell(problem: LineProblem) -> None:
        nonlocal shown
        shown += 1
        if shown <= PROBLEMS_SHOWN:
            print(problem, file=sys.stderr)

    def moved(progress: Progress) -> None:
        if sys.stderr.isatty():
            print(f"\r{progress.lines:,} lines, {progress.readings:,} readings", end="", file=sys.stderr, flush=True)

    begun = time.monotonic()
    with database("import", "import") as conn:
        done = run_import(conn, order, datetime.now(UTC), tell, moved)
    seconds = time.monotonic() - begun
    if shown > PROBLEMS_SHOWN:
        print(f"{shown - PROBLEMS_SHOWN} more lines that cannot be used", file=sys.stderr)
    answer(_report(done, seconds), [_summary(done, seconds)], as_json=as_json)
    if done.refused:
        raise typer.Exit(1)


def _filed(station: str) -> dict[str, str]:
    """Return symbol → channel of the station's files for the ministry; none where its configuration is not here."""
    from quantrac.config.loader import StationNotConfigured, load_station

    settings = Settings()
    if not (settings.config / "stations").is_dir():
        return {}
    try:
        plan = load_station(settings.config, settings.overlay, station).ministry
    except StationNotConfigured:
        return {}
    return {line.symbol: line.channel for line in plan.lines} if plan is not None else {}


def _report(done: Progress, seconds: float) -> dict[str, object]:
    return {
        "import_id": done.import_id, "epoch": done.epoch, "started_at": done.started_at,
        "lines": done.lines,
        "readings": done.readings, "refused": done.refused, "repeated": done.repeated, "conflicts": done.conflicts,
        "already_finished": done.was_finished, "seconds": round(seconds, 3),
    }  # fmt: skip


def _summary(done: Progress, seconds: float) -> str:
    if done.was_finished:
        return f"import {done.import_id}: these files were imported already ({done.readings:,} readings)"
    parts = [
        f"import {done.import_id}: {done.lines:,} values read, {done.readings:,} readings added in {seconds:.0f} s"
    ]
    parts += [f"{done.repeated:,} messages brought nothing new"] if done.repeated else []
    parts += [f"{done.conflicts:,} messages conflict: quantrac ledger --conflicts"] if done.conflicts else []
    parts += [f"{done.refused:,} lines cannot be used"] if done.refused else []
    return ", ".join(parts)


def _pair(text: str) -> tuple[str, str]:
    name, separator, channel = text.partition("=")
    if not (separator and name and channel):
        raise typer.BadParameter(f"found {text!r}, expected NAME=CHANNEL such as Temp=water_temp", param_hint="--map")
    return name, channel
