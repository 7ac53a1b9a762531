"""A laboratory's CSV file: one result a line, columns by Vietnamese or English names."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from quantrac.desks.bias import decimal_marks, laboratory_value, one_mark
from quantrac.desks.entries import BadEntry
from quantrac.desks.laboratory_results import LaboratoryResult, measured, ucum_of, value_of
from quantrac.desks.samples import Custody, CustodyStep, SampleSheet
from quantrac.telemetry.local_time import moment

if TYPE_CHECKING:
    from _csv import Reader

MOST_BYTES: Final = 2_000_000
MOST_LINES: Final = 20_000
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "code": ("sample", "ký hiệu mẫu", "mã mẫu", "mẫu"),
    "station": ("trạm", "trạm quan trắc", "điểm quan trắc"),
    "sampled_at": ("sampled", "thời gian lấy mẫu", "ngày lấy mẫu"),
    "sampled_by": ("người lấy mẫu",),
    "laboratory": ("phòng thí nghiệm", "đơn vị phân tích"),
    "parameter": ("thông số", "chỉ tiêu"),
    "value": ("result", "kết quả"),
    "unit": ("đơn vị", "đơn vị tính"),
    "method": ("phương pháp", "phương pháp phân tích"),
    "handed_over_at": ("thời gian giao mẫu", "ngày giao mẫu"),
    "handed_over_by": ("người giao mẫu",),
    "received_at": ("thời gian nhận mẫu", "ngày nhận mẫu"),
    "received_by": ("người nhận mẫu",),
    "analysed_at": ("thời gian phân tích", "ngày phân tích"),
    "analysed_by": ("người phân tích",),
}
"""Column → its other names; the case of letters does not matter."""
NEEDED: Final = ("code", "station", "sampled_at", "sampled_by", "laboratory", "parameter", "value")
"""In the file, or usual."""
DAY_FIRST: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?:[ T,]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?")
"""As people here write times: 24/11/2026 07:05."""
_IONS: Final = {
    "nh4_n": ("amoni", "nh4", ("", "+")),
    "no3_n": ("nitrat", "no3", ("", "-")),
    "no2_n": ("nitrit", "no2", ("", "-")),
    "po4_p": ("phosphat", "po4", ("", "3-", "-3")),
}
"""Parameter → its name in words, the formula of the ion, its charge. All are given as nitrogen or phosphorus."""


def _plain(said: str) -> str:
    """Return the name of a parameter without what people write in different ways: letters, signs, blanks, brackets."""
    text = unicodedata.normalize("NFKC", said).casefold()
    return re.sub(r"[\s()^]", "", re.sub("[\N{MINUS SIGN}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}]", "-", text))


def _named_ions() -> Iterator[tuple[str, str]]:
    """Yield how people write ions: `NH4+`, `N-NO3`, `PO43--P`, `Nitrit (NO2- tính theo N)`; and the parameter."""
    for parameter, (words, formula, charges) in _IONS.items():
        element = parameter[-1]
        ions = [f"{before}{formula}{charge}" for before in ("", f"{element}-", words) for charge in charges]
        for behind in ("", f"-{element}", f"tính theo {element}", f"as {element}"):
            yield from ((_plain(ion + behind), parameter) for ion in (words, *ions))


def parameters() -> dict[str, str]:
    """Return the parameter that each name in a file means, as `_plain` has it; the first of the catalogue wins."""
    return {
        _plain(said): name
        for name, parameter in reversed(measured().items())
        for said in (parameter.symbol or name, parameter.title_en, parameter.title_vi, name)
    } | dict(_named_ions()) | {_plain("nhiệt độ"): "water_temp", _plain("oxy hoà tan"): "do"}  # fmt: skip


class FileLine(NamedTuple):
    """A line that can be read."""

    line: int
    sheet: SampleSheet
    steps: tuple[Custody, ...]
    result: LaboratoryResult
    has_clock: bool
    """False: the line names the day of sampling only, and `sampled_at` is its local midnight."""
    says: frozenset[str]
    """Which of `sampled_by` and `laboratory` the line itself has; another one is usual."""


class RefusedLine(NamedTuple):
    """A line that cannot be used: its number and column, both from 1, and why."""

    line: int
    column: int
    name: str
    """Of the column, as the file calls it; empty: it is of none."""
    why: BadEntry

    def words(self, file: str) -> str:
        """Return it as one line for people."""
        return ": ".join(part for part in (f"{file}:{self.line}:{self.column}", self.name, str(self.why)) if part)


class _Cell(NamedTuple):
    column: int
    name: str
    text: str

    @property
    def shown(self) -> str:
        """The beginning of the text, as errors quote it."""
        return repr(self.text[:100])


class _Refused(Exception):  # it carries why a line is refused to where its number is known
    def __init__(self, cell: _Cell, why: BadEntry) -> None:
        super().__init__(str(why))
        self.cell, self.why = cell, why


class Usual(NamedTuple):
    """Values for columns that the file lacks."""

    station: str | None = None
    """Also the only one whose lines are taken."""
    sampled_by: str = ""
    laboratory: str = ""


def read_file(
    text: str, stations: Mapping[str, str], zone: ZoneInfo, usual: Usual, marks: Collection[str] | None = None
) -> Iterator[FileLine | RefusedLine]:
    """Yield each line of a file; empty ones are left out.

    Args:
        text: of the file; commas, semicolons or tabs part its columns.
        stations: station by its identifier and names, in small letters.
        zone: of times without an offset.
        usual: what holds where the file has no such column.
        marks: of `marks_shown`, of all parts of the file; None: this is all of it.
    """
    rows, named = _opened(text, usual)
    if isinstance(named, RefusedLine):
        yield named
        return
    known = parameters()
    mark = one_mark(marks_shown(text, usual) if marks is None else marks)
    while (row := _next_row(rows)) is not None:
        line = rows.line_num
        if line > MOST_LINES:
            yield RefusedLine(line, 1, "", BadEntry("found more than {most} lines", most=MOST_LINES))
            return
        if isinstance(row, BadEntry):
            yield RefusedLine(line, 1, "", row)
            continue
        if not any(cell.strip() for cell in row):
            continue
        cells = {
            key: _Cell(at + 1, name, row[at].strip() if at < len(row) else "") for key, (at, name) in named.items()
        }
        try:
            yield _line(line, cells, stations, zone, usual, known, mark)
        except _Refused as refused:
            yield RefusedLine(line, refused.cell.column, refused.cell.name, refused.why)


def marks_shown(text: str, usual: Usual) -> set[str]:
    """Return what begins decimals in the results of a file, or of a part of it below its first line: `.`, `,`."""
    rows, named = _opened(text, usual)
    return set() if isinstance(named, RefusedLine) else decimal_marks(_column(rows, named["value"][0]))


def _opened(text: str, usual: Usual) -> tuple[Reader, dict[str, tuple[int, str]] | RefusedLine]:
    """Return the lines below the first one, and what `_columns` says of it."""
    head, _, _ = text.partition("\n")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    first = _next_row(rows)
    return rows, RefusedLine(1, 1, "", first) if isinstance(first, BadEntry) else _columns(first or [], usual)


def _column(rows: Reader, at: int) -> Iterator[str]:
    """Yield the cells of a column, as far as the lines can be read."""
    while (row := _next_row(rows)) is not None and rows.line_num <= MOST_LINES:
        if not isinstance(row, BadEntry) and at < len(row):
            yield row[at]


def _next_row(rows: Iterator[list[str]]) -> list[str] | BadEntry | None:
    """Return the next row of a CSV reader, why it is none, or None at the end; the row behind a bad one can be read."""
    try:
        return next(rows, None)
    except csv.Error as error:
        return BadEntry("found {error}, expected a line of short fields", error=error)


def _columns(head: list[str], usual: Usual) -> dict[str, tuple[int, str]] | RefusedLine:
    """Return where each column stands and how the file calls it; what is unknown is left out."""
    known = {name.casefold(): key for key, names in COLUMNS.items() for name in (key, *names)}
    found: dict[str, tuple[int, str]] = {}
    for at, name in enumerate(head):
        key = known.get(" ".join(name.replace("\ufeff", "").split()).casefold())
        if key is not None and key not in found:
            found[key] = (at, name.strip("\ufeff \t"))
    given = {key for key, value in usual._asdict().items() if value}
    if missing := [key for key in NEEDED if key not in found and key not in given]:
        why = BadEntry("the first line names no column {columns}", columns=", ".join(missing))
        return RefusedLine(1, 1, "", why)
    return found


def _line(
    line: int, cells: Mapping[str, _Cell], stations: Mapping[str, str], zone: ZoneInfo, usual: Usual,
    known: Mapping[str, str], mark: str,
) -> FileLine:  # fmt: skip
    code = _needed(cells["code"])
    station = _station(cells.get("station"), stations, usual.station)
    sampled_by, laboratory = (_usual(cells.get(key), getattr(usual, key)) for key in ("sampled_by", "laboratory"))
    sheet = SampleSheet(station, code, _time(cells["sampled_at"], zone), sampled_by, laboratory)
    steps = tuple(
        Custody(step, _time(cells[f"{step}_at"], zone), _needed(cells[f"{step}_by"]))
        for step in CustodyStep
        if f"{step}_at" in cells and cells[f"{step}_at"].text and f"{step}_by" in cells
    )
    says = frozenset(key for key in ("sampled_by", "laboratory") if key in cells and cells[key].text)
    return FileLine(line, sheet, steps, _result(cells, known, mark), _has_clock(cells["sampled_at"].text), says)


def _station(cell: _Cell | None, stations: Mapping[str, str], only: str | None) -> str:
    if cell is None or not cell.text:
        if only is None:
            cell = cell or _Cell(1, "", "")
            raise _Refused(cell, BadEntry("a station is missing"))
        return only
    found = stations.get(cell.text.casefold())
    if found is None:
        raise _Refused(cell, BadEntry("found {found}, expected a station of the network", found=cell.shown))
    if only not in (None, found):
        raise _Refused(cell, BadEntry("found {found}, expected {station} only", found=cell.shown, station=only))
    return found


def _result(cells: Mapping[str, _Cell], known: Mapping[str, str], decimal_mark: str) -> LaboratoryResult:
    said, value = cells["parameter"], cells["value"]
    parameter = said.text if said.text in measured() else known.get(_plain(said.text))
    if parameter is None:
        raise _Refused(
            said, BadEntry("found {found}, expected a parameter such as NH4, DO or Độ mặn", found=said.shown)
        )
    if laboratory_value(value.text) is None:
        raise _Refused(
            value, BadEntry("found {found}, expected a number or a limit of detection such as <0.02", found=value.shown)
        )
    unit = cells.get("unit")
    if unit is not None and unit.text and ucum_of(unit.text, parameter) is None:
        label = measured()[parameter].label or "-"
        raise _Refused(
            unit, BadEntry("found {found}, expected a unit of {parameter} such as {label}", found=unit.shown,
                           parameter=parameter, label=label),
        )  # fmt: skip
    method = _usual(cells.get("method"), "")
    result = LaboratoryResult(parameter, value.text, _usual(unit, ""), method, decimal_mark=decimal_mark)
    try:
        value_of(result)
    except BadEntry as error:
        raise _Refused(value, error) from error
    return result


def _usual(cell: _Cell | None, otherwise: str) -> str:
    return otherwise if cell is None or not cell.text else cell.text


def _needed(cell: _Cell) -> str:
    if not cell.text:
        raise _Refused(cell, BadEntry("found nothing, expected something to read"))
    return cell.text


def _has_clock(text: str) -> bool:
    """Return whether what is a time has more than its day."""
    if day_first := DAY_FIRST.fullmatch(text):
        return day_first[4] is not None
    try:
        date.fromisoformat(text)
    except ValueError:
        return True
    return False


def _time(cell: _Cell, zone: ZoneInfo) -> datetime:
    try:
        if day_first := DAY_FIRST.fullmatch(cell.text):
            day, month, year, hour, minute, second = (int(part or 0) for part in day_first.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
        return moment(cell.text, zone)
    except (ValueError, OverflowError):
        raise _Refused(
            cell, BadEntry("found {found}, expected a time such as 24/11/2026 07:05", found=cell.shown)
        ) from None
