"""CSV files, long (a value a row) or wide (a row a time, a column a channel). The first row names the columns.

Long columns: `time` (or `time_utc`), `channel` or `parameter`, `value` (or `raw_value`, which is preferred), and if
wanted `unit`, `state`, `station`. So files of `quantrac export readings` go back in. A column of a wide file that names
no channel must be skipped by name. A decimal comma is read where the fields are parted by something else.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from ingest.importing.line import Line, LineProblem, Place, moment_ms, number, state

SUFFIX: Final = ".csv"
TIMES: Final = ("time_utc", "time", "thời gian", "ngày giờ")
NAMES: Final = ("channel", "parameter", "name", "thông số")
VALUES: Final = ("raw_value", "value", "giá trị")
UTC_COLUMN: Final = "time_utc"


def lines(file: Path, station: str, skipped: Collection[str] = ()) -> Iterator[Line | LineProblem]:
    """Yield every value of a file; rows that name another station are left out. Memory does not grow with the file."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        head = text.readline()
        delimiter = max(";\t,", key=head.count)
        columns = [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])]
        time = next((name for name in TIMES if name in columns), None)
        if time is None:
            yield LineProblem(Place(file, 1), f"found columns {', '.join(columns)}, expected one named time")
            return
        value = next((name for name in VALUES if name in columns), None)
        left_out = {name.lower() for name in skipped}
        rows = csv.reader(text, delimiter=delimiter)
        for fields in rows:
            place = Place(file, rows.line_num + 1)
            if not any(fields):
                continue
            if len(fields) != len(columns):
                yield LineProblem(place, f"found {len(fields)} fields, expected {len(columns)} as in line 1")
                continue
            row = dict(zip(columns, fields, strict=True))
            if row.get("station", station) == station:
                yield from _long(place, row, time, value) if value else _wide(place, row, time, left_out)


def _long(place: Place, row: Mapping[str, str], time: str, value: str) -> Iterator[Line | LineProblem]:
    name = next((row[each] for each in NAMES if each in row), None)
    if name is None:
        yield LineProblem(place, "found a column of values, expected another one named channel or parameter")
    else:
        yield _line(place, row, time, name, row[value], row.get("unit"), row.get("state", ""))


def _wide(place: Place, row: Mapping[str, str], time: str, left_out: Collection[str]) -> Iterator[Line | LineProblem]:
    for name in _channels(row):
        if row[name].strip() and name not in left_out:  # an empty cell is no reading
            yield _line(place, row, time, name, row[name], None, "")


def _channels(row: Mapping[str, str]) -> Sequence[str]:
    return [name for name in row if name not in (*TIMES, "station", "time_asia_ho_chi_minh")]


def _line(
    place: Place, row: Mapping[str, str], time: str, name: str, value_text: str, unit: str | None, state_text: str
) -> Line | LineProblem:
    try:
        value = number(value_text)
    except ValueError:
        return LineProblem(place, f"{name}: found {value_text!r}, expected a number")
    try:
        bare = row[time].strip()
        t_ms = moment_ms(bare if time != UTC_COLUMN or "+" in bare or bare.endswith("Z") else f"{bare}+00:00")
    except ValueError:
        return LineProblem(place, f"time: found {row[time]!r}, expected such as 2024-05-01 07:05 or 01/05/2024 07:05")
    try:
        return Line(place, name.strip(), value, unit, t_ms, state(state_text, value))
    except ValueError:
        return LineProblem(place, f"state: found {state_text!r}, expected 00, 01, 02 or a word such as ok, cal, fault")
