"""A file of the ministry: the lines of its slot as bytes, its name and its folder. Pure.

Circular 10/2021/TT-BTNMT: a parameter a line, `symbol TAB value TAB unit TAB yyyyMMddHHmmss TAB status`, CRLF, UTF-8;
the time is the end of the five minutes in UTC+7, in the lines as in the name. Folders differ from receiver to receiver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import PurePosixPath
from typing import Final

from quantrac.config.stations import Ministry, MinistryLine
from quantrac.telemetry.ministry import TIME, ZONE
from reports.ministry.figure import Figure

EXACT: Final = Context(prec=400)
"""Digits for any number that a computer holds."""
DIGITS: Final = 12
"""Beyond so many a mean is noise of binary fractions: what is half way by the readings as written stays half way."""


@dataclass(frozen=True, slots=True)
class FiveMinuteFile:
    """A station's file of one slot."""

    time: datetime
    """End of the slot."""
    path: PurePosixPath
    """Below the root of a receiver."""
    content: bytes


def file_of(ministry: Ministry, time: datetime, figures: Mapping[str, Figure]) -> FiveMinuteFile | None:
    """Return the file of the slot that ends at `time`; None where there is nothing to say.

    Args:
        ministry: how the station appears in its files.
        time: aware.
        figures: of the slot, by name of channel; one that is absent is left out, never sent as 0.
    """
    stamp = time.astimezone(ZONE).strftime(TIME)
    lines = [_line(line, figures[line.channel], stamp) for line in ministry.lines if line.channel in figures]
    return FiveMinuteFile(time, path_of(ministry, time), "".join(lines).encode()) if lines else None


def path_of(ministry: Ministry, time: datetime) -> PurePosixPath:
    """Return folder and name of the file of the slot that ends at `time`."""
    local = time.astimezone(ZONE)
    parts = {"code": ministry.code} | {
        name: local.strftime(code)
        for name, code in (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"))
    }
    return PurePosixPath(ministry.folder.format_map(parts), ministry.file.format_map(parts))


def _line(line: MinistryLine, figure: Figure, stamp: str) -> str:
    value = written(figure.value * line.factor + line.shift, line.decimals)
    return f"{line.symbol}\t{value}\t{line.unit}\t{stamp}\t{figure.status.value}\r\n"


def written(value: float, decimals: int) -> str:
    """Return a value with a decimal point and so many digits behind it, halves rounded away from 0; never `-0`."""
    shown = Decimal(f"{value:.{DIGITS}g}").quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, EXACT)
    return f"{abs(shown) if shown.is_zero() else shown:f}"
