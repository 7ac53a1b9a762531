"""`quantrac import …`: stores readings of the years before Quantrac from files, through the checks of ingest."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import AsJson, Person, answer, duration, group
from quantrac.cli.environment import database
from quantrac.config.settings import Settings
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown

if TYPE_CHECKING:
    from ingest.importing.import_run import Order, Progress
    from ingest.importing.line import FilePlace, LineProblem
    from ingest.importing.survey import Survey
    from quantrac.database.pool import Connection

app = group()
PROBLEMS_SHOWN: Final = 100

Paths = Annotated[list[Path], typer.Argument(help="Files, or folders that are searched for them.")]
StationOption = Annotated[str, typer.Option("--station", help="Station whose readings these are.")]
MapOption = Annotated[list[str], typer.Option("--map", help="NAME=CHANNEL; may be repeated.")]
SkipOption = Annotated[
    list[str], typer.Option("--skip", help="Name that is left out, * and ? as in names of files; may be repeated.")
]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would come of each name; store nothing.")]


@app.command(short_help="The ministry's five-minute files.")
def tt10(
    paths: Paths,
    station: StationOption,
    person: Person,
    mapped: MapOption = [],  # noqa: B006
    skip: SkipOption = [],  # noqa: B006
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import the ministry's five-minute files (*.txt): name, value, unit, yyyyMMddHHmmss and state, parted by tabs.

    Symbols are those of `ministry` in the station's file, where there is one; --map says others. May be stopped and
    repeated: it goes on where it was, and what is there already is not stored twice. A line that cannot be used is told
    with file and line, and counted; then the exit code is 1.
    """
    from ingest.importing.import_run import Order

    chosen = {**_filed(station), **dict(map(_pair, mapped))}
    _run(Order(station, "tt10", tuple(paths), 300_000, chosen, skip, person), dry_run, as_json)


@app.command("csv", short_help="Tables, long or wide: CSV, also compressed, and Excel.")
def tables(
    paths: Paths,
    station: StationOption,
    person: Person,
    interval: Annotated[
        float, duration("How far apart the values are, such as 5m: completeness counts by it.", least="1ms")
    ],
    mapped: MapOption = [],  # noqa: B006
    skip: SkipOption = [],  # noqa: B006
    dates: Annotated[
        Literal["day-first", "month-first"] | None,
        typer.Option(help="What 7/2/2021 means; asked for where no date of the files shows it."),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import tables (*.csv, *.csv.gz, *.xlsx). Long: columns time, channel, value, and if wanted unit, state, station.

    Wide: a column time and one column a channel. Of an Excel file its first sheet is read. Times without an offset are
    those of the network's time zone. Files of `quantrac export readings` go back in. May be stopped and repeated, as
    `tt10`.
    """
    from ingest.importing.import_run import Order

    chosen = dict(map(_pair, mapped))
    order = Order(station, "csv", tuple(paths), round(interval * 1000), chosen, skip, person, dates)
    _run(order, dry_run, as_json)


def _run(order: Order, dry_run: bool, as_json: bool) -> None:
    problems = Problems()
    now = datetime.now(UTC)
    with database("import", "import") as conn:
        refused = (_show if dry_run else _import)(conn, order, now, problems, as_json)
    if refused:
        raise typer.Exit(1)


def _show(conn: Connection, order: Order, now: datetime, problems: Problems, as_json: bool) -> int:
    from ingest.importing.survey import survey

    found = survey(conn, order, now, problems)
    problems.close()
    names = [{**dataclasses.asdict(one), "first": one.first, "last": one.last} for one in found.names.values()]
    report = {"dates": found.dates, "names": names, "skipped": found.skipped, "refused": found.refused}
    answer(report, _survey_lines(found, time_zone(conn)), as_json=as_json)
    return found.refused


def _import(conn: Connection, order: Order, now: datetime, problems: Problems, as_json: bool) -> int:
    from ingest.importing.import_run import run_import

    begun = time.monotonic()
    with file_progress() as moved:
        done = run_import(conn, order, now, problems, moved)
    seconds = time.monotonic() - begun
    problems.close()
    answer(_report(done, seconds), [_summary(done, seconds)], as_json=as_json)
    return done.refused


class Problems:
    """Prints lines that cannot be used, the first hundred of them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, problem: LineProblem) -> None:
        """Take one."""
        self.count += 1
        if self.count <= PROBLEMS_SHOWN:
            print(problem, file=sys.stderr)

    def close(self) -> None:
        """Say how many more there were."""
        if self.count > PROBLEMS_SHOWN:
            print(f"{self.count - PROBLEMS_SHOWN} more lines that cannot be used", file=sys.stderr)


@contextmanager
def file_progress() -> Iterator[Callable[[Progress, FilePlace], None]]:
    """Show on a terminal how far an import is: the file, the share of its lines, and what has been added."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        lines: dict[Path, int | None] = {}

        def moved(progress: Progress, place: FilePlace) -> None:
            if bar.disable:
                return
            if place.file not in lines:
                lines[place.file] = _count_lines(place.file)
            what = f"{place.file.name}: {progress.readings} readings added"
            bar.update(task, description=what, completed=place.number, total=lines[place.file])

        yield moved


def _count_lines(file: Path) -> int | None:
    """Return the lines of a text; None where they cannot be counted without reading it all."""
    if file.suffix not in (".csv", ".txt"):
        return None
    with file.open("rb") as text:
        return sum(piece.count(b"\n") for piece in iter(lambda: text.read(1 << 20), b""))


def _survey_lines(found: Survey, zone: ZoneInfo) -> Iterator[str]:
    """Yield a table of what an import would bring."""
    width = max((len(one.name) for one in found.names.values()), default=4)
    yield (f"{'name':<{width}}  {'unit':<8}  {'channel':<20} {'values':>9} {'missing':>8}  {'first':<16}  {'last':<16} "
           f"{'low':>10} {'high':>10} {'stored':>9}")  # fmt: skip
    for one in found.names.values():
        low, high = ("-" if value is None else f"{value:.6g}" for value in (one.low, one.high))
        yield (f"{one.name:<{width}}  {one.unit or '-':<8}  {one.channel:<20} {one.values:>9} {one.missing:>8}  "
               f"{shown(one.first, zone)}  {shown(one.last, zone)} {low:>10} {high:>10} {one.stored:>9}")  # fmt: skip
    if found.skipped:
        yield "left out: " + ", ".join(f"{name} ({count} lines)" for name, count in found.skipped.items())
    if found.refused:
        yield f"{found.refused} lines cannot be used"
    yield f"dates with slashes: {found.dates.replace('-', ' ')}; nothing is stored (--dry-run)"


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
        return f"import {done.import_id}: these files were imported already ({done.readings} readings)"
    parts = [f"import {done.import_id}: {done.lines} values read, {done.readings} readings added in {seconds:.0f} s"]
    parts += [f"{done.repeated} messages brought nothing new"] if done.repeated else []
    parts += [f"{done.conflicts} messages conflict: quantrac ledger --conflicts"] if done.conflicts else []
    parts += [f"{done.refused} lines cannot be used"] if done.refused else []
    return ", ".join(parts)


def _pair(text: str) -> tuple[str, str]:
    name, separator, channel = text.partition("=")
    if not (separator and name and channel):
        raise typer.BadParameter(f"found {text!r}, expected NAME=CHANNEL such as Temp=water_temp", param_hint="--map")
    return name, channel
