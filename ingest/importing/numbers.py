"""The numbers of imported files: how they may be written, and which mark parts their decimals. Pure.

"1,234" is 1.234 where the comma parts the decimals, and 1234 where it parts thousands. Another value of the column,
such as 12,5 or 0.7, shows which; where none does, nobody can know but who has the files.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, Literal

from ingest.importing.line import FilePlace
from quantrac.telemetry.errors import QuantracError

DecimalMark = Literal["comma", "dot"]
NO_VALUE: Final = frozenset({"", "-", "na", "n/a", "nan", "null", "none"})
GROUPED: Final[dict[DecimalMark, re.Pattern[str]]] = {
    "comma": re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+(,\d*)?"),
    "dot": re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?"),
}
"""Thousands in groups, by the mark of the decimals behind them."""
EITHER: Final = re.compile(r"[-+]?[1-9]\d{0,2}[.,]\d{3}")
"""One mark with three digits behind it: thousands or decimals."""


class CellNumber(str):  # noqa: SLOT000 (nothing is added)
    """A number that a cell of a workbook or of Parquet holds as one: it has one meaning, whatever texts show."""


class UnclearNumbers(QuantracError):
    """The numbers of a column have no meaning that is sure; nothing of the files may be stored."""

    exit_code = 2


def number(text: str, mark: DecimalMark | None = None) -> float | None:
    """Read a value; `mark`: what parts its decimals, None: as it shows. None where there is no value.

    Without a mark, `1.234` is a decimal number, and `1,234` is an error. Raises ValueError.
    """
    bare = text.strip()
    if bare.lower() in NO_VALUE:
        return None
    if isinstance(text, CellNumber):
        mark = "dot"
    if "," in bare or mark == "comma":
        mark = mark or shown(bare)
        if mark is None:
            raise ValueError(text)
        bare = _with_dot(bare, mark)
    value = float(bare)
    if not math.isfinite(value) or "_" in bare:  # 1_000 is a number to Python alone
        raise ValueError(text)
    return value


def _with_dot(bare: str, mark: DecimalMark) -> str:
    """Return a number without groups and with a decimal dot. Raises ValueError."""
    group, decimal = (".", ",") if mark == "comma" else (",", ".")
    if group in bare and GROUPED[mark].fullmatch(bare) is None:
        raise ValueError(bare)
    return bare.replace(group, "").replace(decimal, ".")


def shown(text: str) -> DecimalMark | None:
    """Return the mark that a number shows by itself; None: it has no mark, or may be read in two ways."""
    bare = text.strip()
    if EITHER.fullmatch(bare) or not ("," in bare or "." in bare):
        return None
    for mark, groups in GROUPED.items():
        if groups.fullmatch(bare):
            return mark
    return "comma" if "," in bare and "." not in bare else "dot" if "," not in bare else None


def marks_of(values: Iterable[tuple[FilePlace, str, str]]) -> dict[str, DecimalMark]:
    """Return the mark of each column whose numbers need one, of place, column and text of every value.

    Raises UnclearNumbers where a number may be read in two ways and the column shows no mark, or both.
    """
    shows: defaultdict[str, dict[DecimalMark, FilePlace]] = defaultdict(dict)
    unclear: defaultdict[str, dict[str, tuple[FilePlace, str]]] = defaultdict(dict)
    for place, name, text in values:
        if isinstance(text, CellNumber) or not ("," in text or "." in text):
            continue
        if EITHER.fullmatch(bare := text.strip()):
            unclear[name].setdefault("," if "," in bare else ".", (place, bare))
        elif (mark := shown(bare)) is not None:
            shows[name].setdefault(mark, place)
    found: dict[str, DecimalMark] = {}
    for name, texts in unclear.items():
        marks = shows[name]
        if "," not in texts and "comma" not in marks:
            continue  # a dot alone parts decimals, unless commas do
        if len(marks) != 1:
            raise UnclearNumbers(_two_meanings(name, *(texts.get(",") or texts["."])))
        found[name] = next(iter(marks))
    return found


def _two_meanings(name: str, place: FilePlace, text: str) -> str:
    small, large = text.replace(",", "."), text.replace(",", "").replace(".", "")
    return (
        f"{place}: {name}: found {text!r}, which is {small} or {large}, and the column does not show which: nothing is "
        "imported; say what parts decimals with --decimal comma or --decimal dot"
    )
