"""The times of imported files: how they may be written, and which of two orders their dates have. Pure.

7/2/2021 is 7 February, day first, or July 2, month first. A date whose day is above 12 shows it for all files of an
import. Where none does, nobody can know but who has the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Final, Literal

from ingest.importing.line import FilePlace
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.slots import EPOCH

DateOrder = Literal["day-first", "month-first"]
ORDERS: Final[tuple[DateOrder, DateOrder]] = ("day-first", "month-first")
COMPACT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)")
SLASHED: Final = re.compile(
    r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:,?[ T]+(\d{1,2}):(\d\d)(?::(\d\d))?(?: ?([AP])\.?M\.?)?)?", re.IGNORECASE
)
MONTHS: Final = 12
SHOWN: Final = "%-d %B %Y"


class UnclearDates(QuantracError):
    """The dates of the files have no order that is sure; nothing of them may be stored."""

    exit_code = 2


def moment_ms(text: str, zone: tzinfo, order: DateOrder = "day-first") -> int:
    """Read a time; without an offset it is local, and the earlier one where clocks were set back. Raises ValueError.

    ISO 8601, `yyyyMMddHHmmss` of the ministry's files, or a date with slashes, dots or hyphens in one of two orders.
    """
    bare = text.strip()
    time = _compact(bare) or slashed(bare, order) or datetime.fromisoformat(bare)
    aware = time if time.tzinfo else time.replace(tzinfo=zone)
    return (aware - EPOCH) // timedelta(milliseconds=1)


def _compact(text: str) -> datetime | None:
    match = COMPACT.fullmatch(text)
    return datetime(*map(int, match.groups())) if match else None  # type: ignore[arg-type]  # noqa: DTZ001


def slashed(text: str, order: DateOrder) -> datetime | None:
    """Return a time written as 7/2/2021 07:05[:00] or 7/2/2021 1:05 PM, without a zone; None for another spelling.

    Raises ValueError where the order makes it no date.
    """
    match = SLASHED.fullmatch(text)
    if match is None:
        return None
    first, second, year, hour, minute, to_second = (int(group or 0) for group in match.groups()[:6])
    day, month = (first, second) if order == "day-first" else (second, first)
    half = (match[7] or "").upper()
    if half and not 1 <= hour <= MONTHS:
        raise ValueError(text)
    hour = hour % 12 + (12 if half == "P" else 0) if half else hour
    return datetime(year, month, day, hour, minute, to_second)  # noqa: DTZ001 (local time, see moment_ms)


def _date(text: str, order: DateOrder) -> datetime | None:
    """Return a date with slashes; None where the order makes it no date."""
    try:
        return slashed(text, order)
    except ValueError:
        return None


def order_of(times: Iterable[tuple[FilePlace, str]], said: DateOrder | None) -> DateOrder:
    """Return the order that somebody said, or that the times show; day first where no date has two meanings.

    Raises UnclearDates where dates have two meanings and none shows which, or where they show both.
    """
    if said is not None:
        return said
    shows: dict[DateOrder, tuple[FilePlace, str]] = {}
    unclear: tuple[FilePlace, str] | None = None
    for place, text in times:
        day_first, month_first = (_date(text, order) for order in ORDERS)
        if day_first is not None and month_first is None:
            shows.setdefault("day-first", (place, text))
        elif month_first is not None and day_first is None:
            shows.setdefault("month-first", (place, text))
        elif day_first != month_first and unclear is None:
            unclear = (place, text)
    if len(shows) > 1:
        (place, text), (other, other_text) = shows["day-first"], shows["month-first"]
        raise UnclearDates(
            f"{place}: time: found {text!r}, which has the day first, and in {other} {other_text!r}, which has the "
            "month first: nothing is imported; import these files apart, each with its --dates"
        )
    if not shows and unclear is not None:
        raise UnclearDates(_two_meanings(*unclear))
    return next(iter(shows), "day-first")


def _two_meanings(place: FilePlace, text: str) -> str:
    day_first, month_first = (slashed(text, order) for order in ORDERS)
    assert day_first is not None
    assert month_first is not None
    return (
        f"{place}: time: found {text!r}, which is {day_first:{SHOWN}} (day first) or {month_first:{SHOWN}} (month "
        "first), and no date of the files shows which: nothing is imported; say it with --dates day-first or "
        "--dates month-first"
    )
