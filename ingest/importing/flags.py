"""Flags that experts put beside values: what their words mean.

Sources: NOAA NERRS, Centralized Data Management Office, QAQC of the System-wide Monitoring Program: `<-5>` above and
`<-4>` below the sensor's range, `<-3>` rejected, `<-2>` missing, `<-1>` not measured, `<0>` good, `<1>` suspect, `<2>`
reserved, `<3>` calculated (depth corrected for the pressure of the air), `<4>` historical (of the time before checks),
`<5>` corrected; codes of reasons follow in brackets. QARTOD, primary flags: IOC Manuals and Guides 54, volume 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ingest.importing.line import FilePlace
from ingest.importing.table import FlagLine
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.quality import Quality

Judgement = Literal["good", "suspect", "fail", "none"]
JUDGEMENTS: Final[Mapping[Judgement, Quality | None]] = {
    "good": Quality.GOOD, "suspect": Quality.SUSPECT, "fail": Quality.FAIL, "none": None,
}  # fmt: skip
KNOWN: Final[Mapping[str, Judgement]] = {
    "<-5>": "fail", "<-4>": "fail", "<-3>": "fail", "<-2>": "none", "<-1>": "none", "<0>": "good", "<1>": "suspect",
    "<2>": "none", "<3>": "good", "<4>": "none", "<5>": "good",
    "1": "good", "2": "none", "3": "suspect", "4": "fail", "9": "none",
}  # fmt: skip
"""Nobody's verdict (`none`) leaves the value to the tests."""
NERRS: Final = re.compile(r"(<-?\d>)\s*(?:[\[({].*)?")


class UnclearFlags(QuantracError):
    """Words of the flags have no meaning that is known; nothing of the files may be stored."""

    exit_code = 2


@dataclass(slots=True)
class FlagWords:
    """One way in which flags are written, and how often."""

    words: str
    judgement: Judgement | None
    """None: nobody has said what it means."""
    first: FilePlace
    count: int = 0


def judgement_of(words: str, said: Mapping[str, Judgement]) -> Judgement | None:
    """Return what a flag says of its value; `said`: what a person said of words, or of the code they begin with."""
    bare = " ".join(words.split())
    match = NERRS.fullmatch(bare)
    code = match[1] if match else bare
    return said.get(bare) or said.get(code) or KNOWN.get(code)


def words_of(lines: Iterable[FlagLine], said: Mapping[str, Judgement]) -> dict[str, FlagWords]:
    """Return every way in which flags are written. Raises UnclearFlags where nobody knows what one means.

    Numbers among which is one that QARTOD has not, such as 0, are those of others: where 0 is good, 1 may be bad.
    """
    found: dict[str, FlagWords] = {}
    for line in lines:
        if (one := found.get(line.words)) is None:
            one = found[line.words] = FlagWords(line.words, judgement_of(line.words, said), line.place)
        one.count += 1
    numbers = [one for one in found.values() if one.words.isdecimal()]
    if any(one.words not in KNOWN for one in numbers):
        for one in numbers:
            one.judgement = said.get(one.words)
    if unknown := [one for one in found.values() if one.judgement is None]:
        named = "; ".join(f"{one.first}: {one.words!r} ({one.count} values)" for one in unknown[:MOST_NAMED])
        more = f"; {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
        raise UnclearFlags(
            f"found flags that are neither NERRS' (<0>) nor QARTOD's (1): {named}{more}: nothing is imported; say "
            "what each means with --flag WORDS=good, suspect, fail or none"
        )
    return found


MOST_NAMED: Final = 10
