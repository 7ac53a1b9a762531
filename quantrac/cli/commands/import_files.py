"""`quantrac import …`: stores readings of the years before Quantrac from files, through the checks of ingest."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    from ingest.importing.flags import FlagWords, Judgement
    from ingest.importing.import_run import Order, Progress
    from ingest.importing.line import FilePlace, LineProblem
    from ingest.importing.survey import Survey
    from quantrac.database.pool import Connection
    from quantrac.desks.import_flags import ImportedFlags
    from quantrac.desks.undone_imports import KnownImport

    Moved = Callable[[str, FilePlace], None]

app = group()
PROBLEMS_SHOWN: Final = 100
"""Of so many different ones the first lines are printed."""
ALIKE_SHOWN: Final = 5
FLAG_COLUMN: Final = "*_flag"
FLAGS_NAMED: Final = 5

Paths = Annotated[list[Path], typer.Argument(help="Files, or folders that are searched for them.")]
StationOption = Annotated[str, typer.Option("--station", help="Station whose readings these are.")]
MapOption = Annotated[list[str], typer.Option("--map", help="NAME=CHANNEL; may be repeated.")]
SkipOption = Annotated[
    list[str], typer.Option("--skip", help="Name that is left out, * and ? as in names of files; may be repeated.")
]

DecimalOption = Annotated[
    Literal["comma", "dot"] | None,
    typer.Option(help="What parts decimals; asked for where 1,234 may be 1.234 or 1234 and no other value shows it."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would come of each name; store nothing.")]


@app.command(short_help="The ministry's five-minute files.")
def tt10(
    paths: Paths,
    station: StationOption,
    person: Person,
    mapped: MapOption = [],  # noqa: B006
    skip: SkipOption = [],  # noqa: B006
    decimal: DecimalOption = None,
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
    _run(Order(station, "tt10", tuple(paths), 300_000, chosen, skip, person, decimal=decimal), {}, dry_run, as_json)


@app.command("csv", short_help="Tables, long or wide: CSV, also compressed, Excel, Parquet.")
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
    decimal: DecimalOption = None,
    flags: Annotated[
        bool, typer.Option("--flags", help="Take experts' flags beside the values in, as verdicts of --person.")
    ] = False,
    flag: Annotated[
        list[str], typer.Option("--flag", help="WORDS=good, suspect, fail or none, beside NERRS' and QARTOD's flags.")
    ] = [],  # noqa: B006
    flag_column: Annotated[
        str | None,
        typer.Option(help="Columns of flags, * for that of the values; default *_flag, in long files flag or verdict."),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import tables (*.csv, *.csv.gz, *.xlsx, *.parquet). Long: columns time, channel, value, if wanted unit, state.

    Wide: a column time and one column a channel. Of an Excel file its first sheet is read. Times without an offset are
    those of the network's time zone. Files of `quantrac export readings` go back in. Flags are those of NERRS (<0>) and
    QARTOD (1), in columns such as do_flag, in long files flag or verdict. May be stopped and repeated, as `tt10`.
    """
    from ingest.importing.import_run import Order

    meant = _meant(flag)
    column = flag_column or (FLAG_COLUMN if flags or meant else None)
    order = Order(
        station, "csv", tuple(paths), round(interval * 1000), dict(map(_pair, mapped)), skip, person, dates, decimal,
        column,
    )  # fmt: skip
    _run(order, meant, dry_run, as_json)


@app.command("list", short_help="The imports there were, with their numbers.")
def imports(
    station: Annotated[str | None, typer.Option(help="Of this station alone.")] = None, as_json: AsJson = False
) -> None:
    """List imports, the oldest first: number, station, state, who and when, readings added, the time they span."""
    from quantrac.desks.undone_imports import known_imports

    with database("console", "import list") as conn:
        found, zone = known_imports(conn, station), time_zone(conn)
    lines = [_import_line(one, zone) for one in found]
    answer([dataclasses.asdict(one) for one in found], lines or ["no imports"], as_json=as_json)


def _import_line(one: KnownImport, zone: ZoneInfo) -> str:
    parts = [f"{one.import_id}  {one.station}  {one.state}  {shown(one.started_at, zone)} {one.person}"]
    parts += [f"{one.readings} readings"]
    parts += [f"{shown(one.first_t, zone)} to {shown(one.last_t, zone)}"] if one.first_t and one.last_t else []
    parts += [one.source]
    parts += [f"undone {shown(one.undone_at, zone)} by {one.undone_by}: {one.undone_reason}"] if one.undone_at else []
    return ", ".join(parts)


@app.command(short_help="Take back what an import brought.")
def undo(
    import_id: Annotated[int, typer.Argument(metavar="ID", help="Its number: see quantrac import list.")],
    person: Person,
    reason: Annotated[str, typer.Option("--reason", help="Why it is undone.")],
    as_json: AsJson = False,
) -> None:
    """Undo an import: its readings and the verdicts of its --flags go, and are kept apart; nothing else does.

    Where another source has sent something for the same time, that stays or comes back. Roll-ups, derived channels and
    findings follow. Refused where somebody has signed or reviewed readings of it. Stopped, it goes on when repeated;
    the files may be imported again afterwards.
    """
    from ingest.importing.taking_back import take_back
    from quantrac.desks.undone_imports import begin_undo

    now = datetime.now(UTC)
    with database("console", "import undo") as conn:
        begun = begin_undo(conn, import_id, person, reason, now)
    with database("import", "import undo") as conn, share_progress("taking back") as moved:
        done = take_back(conn, import_id, now, moved)
    parts = [f"import {import_id} of {begun.station} is undone: {done.readings} readings taken back"]
    parts += [f"{done.stayed} stay, which another source has sent alike"] if done.stayed else []
    parts += [f"{done.restored} of other sources came in their place"] if done.restored else []
    parts += [f"{begun.verdicts} verdicts ended"] if begun.verdicts else []
    report = {"import_id": import_id, "readings": done.readings, "stayed": done.stayed}
    report |= {"restored": done.restored, "verdicts": begun.verdicts}
    answer(report, [", ".join(parts)], as_json=as_json)


def _run(order: Order, meant: Mapping[str, Judgement], dry_run: bool, as_json: bool) -> None:
    from quantrac.desks.import_flags import flag_words, unread_flags

    problems = Problems()
    now = datetime.now(UTC)
    with database("import", "import") as conn:
        words = flag_words(conn, order, meant) if order.flag_column is not None else {}
        columns = unread_flags(conn, order)
        is_whole = (_show if dry_run else _import)(conn, order, words, now, problems, as_json)
    if columns:  # last: each kind of flag is a problem of its own, and they are many
        print(_flags_hint(columns), file=sys.stderr)
    if not is_whole:
        raise typer.Exit(1)


def _flags_hint(columns: Sequence[str]) -> str:
    named = ", ".join(columns[:FLAGS_NAMED]) + (
        f" and {len(columns) - FLAGS_NAMED} more" if len(columns) > FLAGS_NAMED else ""
    )
    left_out = f"--skip '{FLAG_COLUMN}'" if columns[0].endswith(FLAG_COLUMN[1:]) else f"--skip {columns[0]}"
    return (
        f"found experts' flags in {named}, which are not read: the same command with --flags takes them in as "
        f"verdicts, {left_out} leaves them out"
    )


def _show(
    conn: Connection, order: Order, words: Mapping[str, FlagWords], now: datetime, problems: Problems, as_json: bool
) -> bool:
    from ingest.importing.survey import survey

    found = survey(conn, order, now, problems)
    problems.close()
    names = [{**dataclasses.asdict(one), "first": one.first, "last": one.last} for one in found.names.values()]
    flags = {one.words: {"means": one.judgement, "count": one.count} for one in words.values()}
    report = {"dates": found.dates, "names": names, "skipped": found.skipped, "refused": found.refused, "flags": flags}
    lines = [f"flag {one.words!r}: {one.judgement} ({one.count} values)" for one in words.values()]
    answer(report, [*lines, *_survey_lines(found, time_zone(conn))], as_json=as_json)
    return not found.refused


def _import(
    conn: Connection, order: Order, words: Mapping[str, FlagWords], now: datetime, problems: Problems, as_json: bool
) -> bool:
    from ingest.importing.import_run import run_import

    begun = time.monotonic()
    with file_progress() as moved:
        done = run_import(conn, order, now, problems, lambda far, place: moved(f"{far.readings} readings added", place))
        flags = _import_flags(order, words, now, moved, done.import_id) if words else None
    seconds = time.monotonic() - begun
    problems.close()
    report = _report(done, seconds)
    lines = [_summary(done, seconds)]
    if flags is not None:
        verdicts = {quality.word: count for quality, count in flags.verdicts.items()}
        report |= {"verdicts": verdicts, "flags_left": flags.left}
        lines.append(_flag_summary(verdicts, flags.left))
    answer(report, lines, as_json=as_json)
    return not done.refused and not done.is_broken_off


def _import_flags(
    order: Order, words: Mapping[str, FlagWords], now: datetime, moved: Moved, import_id: int
) -> ImportedFlags:
    """Give the readings verdicts, by `flag_each` of the desk of reviews."""
    from quantrac.desks.import_flags import import_flags

    with database("console", "import") as conn:  # whose user may write verdicts
        return import_flags(conn, order, words, now, lambda place: moved("flags", place), import_id)


def _flag_summary(verdicts: Mapping[str, int], left: int) -> str:
    told = ", ".join(f"{count} {word}" for word, count in sorted(verdicts.items())) or "none new"
    return f"verdicts: {told}" + (
        f"; {left} flags left: a verdict stands already, or there is no value" if left else ""
    )


def _meant(flags: Sequence[str]) -> dict[str, Judgement]:
    """Return what a person said of words of flags."""
    from ingest.importing.flags import JUDGEMENTS

    meant: dict[str, Judgement] = {}
    for text in flags:
        words, _, judgement = text.rpartition("=")
        known = next((one for one in JUDGEMENTS if one == judgement.strip()), None)
        if known is None or not words.strip():
            expected = "expected WORDS=good, suspect, fail or none, such as P=good"
            raise typer.BadParameter(f"found {text!r}, {expected}", param_hint="--flag")
        meant[" ".join(words.split())] = known
    return meant


class Problems:
    """Prints what makes lines unusable: the first places of each thing found, and in the end how often it was."""

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()
        self._others = 0

    def __call__(self, problem: LineProblem) -> None:
        """Take one."""
        if problem.what not in self._times and len(self._times) == PROBLEMS_SHOWN:
            self._others += 1
            return
        self._times[problem.what] += 1
        if self._times[problem.what] <= ALIKE_SHOWN:
            print(problem, file=sys.stderr)

    def close(self) -> None:
        """Say how often each was found that is in more lines than were shown, and how many other lines there were."""
        for what, times in self._times.items():
            if times > ALIKE_SHOWN:
                print(f"{times} times: {what}", file=sys.stderr)
        if self._others:
            print(f"{self._others} more lines that cannot be used", file=sys.stderr)


@contextmanager
def file_progress() -> Iterator[Moved]:
    """Show on a terminal how far an import is: the file, the share of its lines, and what is done."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        lines: dict[Path, int | None] = {}

        def moved(what: str, place: FilePlace) -> None:
            if bar.disable:
                return
            if place.file not in lines:
                lines[place.file] = _count_lines(place.file)
            bar.update(task, description=f"{place.file.name}: {what}", completed=place.number, total=lines[place.file])

        yield moved


@contextmanager
def share_progress(what: str) -> Iterator[Callable[[float], None]]:
    """Show on a terminal which share of something is done."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


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
    yield f"dates with slashes, if there are any: {found.dates.replace('-', ' ')}; nothing is stored (--dry-run)"


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
        "already_finished": done.was_finished, "finished": not done.is_broken_off, "seconds": round(seconds, 3),
    }  # fmt: skip


def _summary(done: Progress, seconds: float) -> str:
    if done.was_finished:
        return f"import {done.import_id}: these files were imported already ({done.readings} readings)"
    parts = [f"import {done.import_id}: {done.lines} values read, {done.readings} readings added in {seconds:.0f} s"]
    parts += [f"{done.repeated} messages brought nothing new"] if done.repeated else []
    parts += [f"{done.conflicts} messages conflict: quantrac ledger --conflicts"] if done.conflicts else []
    parts += [f"{done.refused} lines cannot be used"] if done.refused else []
    parts += ["not finished: a file could not be read to its end, repeat it when it can"] if done.is_broken_off else []
    return ", ".join(parts)


def _pair(text: str) -> tuple[str, str]:
    name, separator, channel = text.partition("=")
    if not (separator and name and channel):
        raise typer.BadParameter(f"found {text!r}, expected NAME=CHANNEL such as Temp=water_temp", param_hint="--map")
    return name, channel
