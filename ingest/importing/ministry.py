"""Reads the ministry's five-minute files (Circular 10/2021/TT-BTNMT): one value a line, tab-separated.

`Tên<TAB>Giá trị<TAB>Đơn vị<TAB>yyyyMMddHHmmss<TAB>Trạng thái`, UTC+7, the end of the five minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ingest.importing.line import FilePlace, ImportLine, LineProblem, pieces, state
from ingest.importing.numbers import EITHER, DecimalMark, number
from ingest.importing.times import moment_ms
from quantrac.telemetry.ministry import ZONE

SUFFIX: Final = ".txt"
EXPECTED: Final = "name, value, unit, yyyyMMddHHmmss and state 00, 01 or 02, parted by tabs"


def lines(file: Path, mark: DecimalMark | None = None) -> Iterator[ImportLine | LineProblem]:
    """Yield every line of a file that is not empty; memory does not grow with it.

    `mark`: what parts the decimals of its numbers, None: what a number shows.
    """
    place = FilePlace(file, 1)
    try:
        with file.open(encoding="utf-8-sig", errors="replace", newline=None) as text:
            for count, row in enumerate(pieces(text), start=1):
                place = FilePlace(file, count)
                if row.strip():
                    yield line(place, row, mark)
    except OSError as error:
        yield LineProblem(place, f"found {error}, expected a text that can be read", is_end=True)


def line(place: FilePlace, row: str, mark: DecimalMark | None = None) -> ImportLine | LineProblem:
    """Read one line."""
    fields = row.rstrip("\r\n").split("\t")
    if len(fields) not in (4, 5):
        return LineProblem(place, f"found {len(fields)} fields, expected {EXPECTED}")
    name, value_text, unit, time, *rest = fields
    try:
        value = number(value_text, mark)
    except ValueError:
        if EITHER.fullmatch(value_text.strip()):
            return LineProblem(place, f"value: found {value_text!r}, which has two meanings: say it with --decimal")
        return LineProblem(place, f"value: found {value_text!r}, expected a number")
    try:
        t_ms = moment_ms(time, ZONE)
    except ValueError:
        return LineProblem(place, f"time: found {time!r}, expected yyyyMMddHHmmss")
    try:
        return ImportLine(place, name.strip(), value, unit, t_ms, state(rest[0] if rest else "00", value))
    except ValueError:
        return LineProblem(place, f"state: found {rest[0]!r}, expected 00, 01 or 02")
