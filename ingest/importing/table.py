"""Reads tables, long (a value a row) or wide (a row a time, a column a channel), with column names in the first row.

Long columns: `time` (or `time_utc`), `channel` or `parameter`, `value` (or `raw_value`, which is preferred), and if
wanted `unit`, `state`, `station`. So files of `quantrac export readings` go back in. A column of a wide file that names
no channel must be skipped by name. A decimal comma is read where the fields are parted by something else.

Where experts' flags are to be read, `flag_column` names the columns that hold them: `*` is the name of the column of
values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ingest.importing.grid import grid
from ingest.importing.line import FilePlace, ImportLine, LineProblem, state
from ingest.importing.names import is_skipped
from ingest.importing.numbers import DecimalMark, number
from ingest.importing.times import DateOrder, moment_ms
from quantrac.telemetry.states import State

TIMES: Final = (
    "time_utc", "time", "timestamp", "datetime", "date_time", "date time", "datetimestamp", "thời gian", "ngày giờ",
)  # fmt: skip
"""What a column of times is called in files of loggers and archives; the first of these that a file has counts."""
NAMES: Final = ("channel", "parameter", "name", "thông số")
VALUES: Final = ("raw_value", "value", "giá trị")
UTC_COLUMN: Final = "time_utc"
LONG_FLAGS: Final = ("flag", "verdict")
"""Columns of flags in a long table, where no other one is named: the second one is that of our exports."""
WIDE_FLAG: Final = "_flag"
BECAUSE: Final = ("verdict_by", "verdict_reason")


class Notation(NamedTuple):
    """How the tables of an import are to be read."""

    station: str
    """Rows that name another one are left out."""
    zone: ZoneInfo
    """Of times without an offset."""
    skipped: Collection[str] = ()
    """Names of columns and channels that are left out, `*` and `?` as in names of files."""
    dates: DateOrder = "day-first"
    marks: Mapping[str, DecimalMark] = {}
    """What parts the decimals, by name in lower case; of others, what a number shows."""
    decimal: DecimalMark | None = None
    """The same, said for all of them."""
    flag_column: str | None = None
    """None: flags are not read."""

    def mark(self, name: str) -> DecimalMark | None:
        """Return what parts the decimals of a name."""
        return self.decimal or self.marks.get(name.strip().casefold())

    def skips(self, name: str) -> bool:
        """Tell whether a name is left out."""
        return is_skipped(name, self.skipped) or is_skipped(name.rpartition("/")[2], self.skipped)


class _Row(NamedTuple):
    """A row and the names of its columns."""

    place: FilePlace
    cells: Mapping[str, str]


class _Head(NamedTuple):
    """The columns of a file."""

    columns: Sequence[str]
    time: str
    value: str | None
    """None: a wide file."""
    channels: Sequence[str]
    """The columns of a wide file that are to be read: an export's local time is none of them."""
    flags: Mapping[str, str]
    """Columns of flags, by the column whose values they judge."""


class FlagLine(NamedTuple):
    """What experts wrote beside a value."""

    place: FilePlace
    name: str
    t_ms: int
    words: str
    because: str = ""
    """Who said so and why, where an export of ours tells it."""


def lines(file: Path, notation: Notation) -> Iterator[ImportLine | LineProblem]:
    """Yield every value of a file. Memory does not grow with the file."""
    for row in _rows(file, notation):
        if isinstance(row, LineProblem):
            yield row
        else:
            yield from _values(*row, notation)


def times(file: Path, notation: Notation) -> Iterator[tuple[FilePlace, str]]:
    """Yield the time of every row, as it is written."""
    for row in _rows(file, notation):
        if not isinstance(row, LineProblem):
            yield row[0].place, row[0].cells[row[1].time].strip()


def values(file: Path, notation: Notation) -> Iterator[tuple[FilePlace, str, str]]:
    """Yield place, name and text of every value that is not left out."""
    for row in _rows(file, notation):
        if not isinstance(row, LineProblem):
            for name, text in _cells(*row):
                if not notation.skips(name):
                    yield row[0].place, name.strip().casefold(), text


def flags(file: Path, notation: Notation) -> Iterator[FlagLine | LineProblem]:
    """Yield what experts wrote beside each value that has a time; a value without words is left out."""
    for found in _rows(file, notation):
        if isinstance(found, LineProblem):
            if found.is_end:
                yield found
            continue
        row, head = found
        words = [
            (name, said) for name, _ in _cells(row, head)
            if not notation.skips(name)
            and (column := head.flags.get(head.value or name)) and (said := row.cells[column].strip())
        ]  # fmt: skip
        t_ms = _moment(row, head.time, notation) if words else None
        if t_ms is not None:
            because = ": ".join(said for column in BECAUSE if (said := row.cells.get(column, "").strip()))
            yield from (FlagLine(row.place, name, t_ms, said, because) for name, said in words)


def unread_flags(file: Path, notation: Notation) -> list[str]:
    """Return the columns of a file that hold experts' flags which are not asked for and not left out."""
    if notation.flag_column is not None:
        return []
    for row in _rows(file, notation):
        if isinstance(row, LineProblem):
            continue
        cells, head = row[0].cells, row[1]
        if head.value is None:
            return [
                name for name in head.channels if name.endswith(WIDE_FLAG) and name.removesuffix(WIDE_FLAG) in cells
            ]
        if found := [name for name in LONG_FLAGS if cells.get(name, "").strip() and not notation.skips(name)]:
            return found
    return []


def _rows(file: Path, notation: Notation) -> Iterator[tuple[_Row, _Head] | LineProblem]:
    """Yield the rows below the first line that are not empty and are of the station."""
    head: _Head | None = None
    for row in grid(file):
        if isinstance(row, LineProblem):
            yield row
        elif head is None:
            found = _head(row.place, row.cells, notation)
            if isinstance(found, LineProblem):
                yield found
                return
            head = found
        elif len(row.cells) == len(head.columns):
            cells = dict(zip(head.columns, row.cells, strict=True))
            if any(row.cells) and cells.get("station", notation.station) == notation.station:
                yield _Row(row.place, cells), head
        elif any(row.cells):
            yield LineProblem(row.place, f"found {len(row.cells)} fields, expected {len(head.columns)} as in line 1")


def _head(place: FilePlace, cells: Sequence[str], notation: Notation) -> _Head | LineProblem:
    columns = [name.strip().lower() for name in cells]
    time = next((name for name in TIMES if name in columns), None)
    if not any(columns):
        return LineProblem(place, "found nothing, expected the names of columns")
    if time is None:
        return LineProblem(place, f"found columns {', '.join(columns)}, expected one named {' or '.join(TIMES)}")
    if twice := sorted({name for name in columns if columns.count(name) > 1 and name and not notation.skips(name)}):
        return LineProblem(place, f"found column {', '.join(twice)} twice, expected each name once")
    value = next((name for name in VALUES if name in columns), None)
    flags = _flag_columns(columns, value, notation)
    channels = [
        name
        for name in dict.fromkeys(columns)
        if _is_channel(name, columns) and not notation.skips(name) and not _holds_flags(name, notation)
    ]
    return _Head(columns, time, value, channels, flags)


def _flag_columns(columns: Sequence[str], value: str | None, notation: Notation) -> dict[str, str]:
    if notation.flag_column is None:
        return {}
    column = notation.flag_column.casefold()
    judged = {name: column.replace("*", name) for name in ([value] if value else columns)}
    if value is not None and judged[value] not in columns:
        judged[value] = next((name for name in LONG_FLAGS if name in columns), "")
    return {name: flag for name, flag in judged.items() if flag in columns and flag != name}


def _holds_flags(name: str, notation: Notation) -> bool:
    """Tell whether a column is one of flags, also where the column that it judges is missing."""
    return notation.flag_column is not None and is_skipped(name, [notation.flag_column])


def _cells(row: _Row, head: _Head) -> Iterator[tuple[str, str]]:
    """Yield the names of a row with the texts of their values; an empty cell of a wide table is no reading."""
    if head.value is None:
        yield from ((name, text) for name in head.channels if (text := row.cells[name]).strip())
    elif (name := next((row.cells[each] for each in NAMES if each in row.cells), None)) is not None:
        yield name, row.cells[head.value]


def _values(row: _Row, head: _Head, notation: Notation) -> Iterator[ImportLine | LineProblem]:
    found = False
    for name, text in _cells(row, head):
        found = True
        yield _line(row, head, name, text, notation)
    if head.value is not None and not found:
        yield LineProblem(row.place, "found a column of values, expected another one named channel or parameter")


def _is_channel(name: str, columns: Sequence[str]) -> bool:
    is_local_time = UTC_COLUMN in columns and name.startswith("time_")
    return name not in (*TIMES, "station") and not is_local_time


def _line(row: _Row, head: _Head, name: str, text: str, notation: Notation) -> ImportLine | LineProblem:
    place, cells = row
    is_long = head.value is not None
    unit, state_text = (cells.get("unit"), cells.get("state", "")) if is_long else (None, "")
    if is_long and notation.skips(name):
        return ImportLine(place, name.strip(), None, unit, 0, State.COMM)  # its value may be anything
    try:
        value = number(text, notation.mark(name))
    except ValueError:
        return LineProblem(place, f"{name}: found {text!r}, expected a number")
    t_ms = _moment(row, head.time, notation)
    if t_ms is None:
        expected = "01/05/2024 07:05" if notation.dates == "day-first" else "05/01/2024 07:05, month first"
        found = cells[head.time]
        return LineProblem(place, f"time: found {found!r}, expected such as 2024-05-01 07:05 or {expected}")
    try:
        return ImportLine(place, name.strip(), value, unit, t_ms, state(state_text, value))
    except ValueError:
        return LineProblem(place, f"state: found {state_text!r}, expected 00, 01, 02 or a word such as ok, cal, fault")


def _moment(row: _Row, column: str, notation: Notation) -> int | None:
    """Return the time of a row in milliseconds; None where it is none."""
    bare = row.cells[column].strip()
    is_utc = column == UTC_COLUMN and "+" not in bare and not bare.endswith("Z")
    try:
        return moment_ms(f"{bare}+00:00" if is_utc else bare, notation.zone, notation.dates)
    except ValueError:
        return None
