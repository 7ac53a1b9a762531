"""What tests and people say of readings, as variables of a NetCDF file beside those of the channel.

Texts are characters in UTF-8, as long as the longest of the file: they pack well, and a chunk of time in which nothing
is said takes no room. Strings of variable length cannot be packed; five of them made a file ten times as large.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from quantrac.database.pool import Connection

TEXTS: Final[Mapping[str, str]] = MappingProxyType({
    "tests": "tests that blame", "words": "in Vietnamese: what tests say of",
    "words_en": "in English: what tests say of", "verdict_by": "who gave a verdict on",
    "verdict_reason": "why a verdict was given on",
})  # fmt: skip
SCORE: Final = "score"
SCORE_TITLE: Final = "how far the evidence of tests goes (at 1 it is suspect) on"
SUFFIXES: Final = (SCORE, *TEXTS)
CHUNK: Final = 1024
"""Times in a chunk of a variable."""

LENGTHS: Final = """
select max(octet_length(array_to_string(tests, ' '))), max(octet_length(words)), max(octet_length(words_en)),
       max(octet_length("by")), max(octet_length(reason))
from reading_words(%(channel)s, %(after)s, %(until)s, null)
"""
SAID: Final = """
select (extract(epoch from time) * 1000000)::int8, coalesce(score, 'NaN'), array_to_string(tests, ' '),
       coalesce(words, ''), coalesce(words_en, ''), coalesce("by", ''), coalesce(reason, '')
from reading_words(%(channel)s, %(after)s, %(until)s, null) order by time
"""

Span = tuple[datetime, datetime]


def add_words(file: Any, conn: Connection, channel: str, title: str, span: Span) -> None:
    """Add the variables of a channel, for what is said within a span of time: after < time <= until."""
    name = channel.partition("/")[2]
    _add(file, f"{name}_{SCORE}", f"{SCORE_TITLE} {title}", "f4", {"units": "1"})
    lengths = conn.execute(LENGTHS, {"channel": channel, "after": span[0], "until": span[1]}).fetchone()
    assert lengths is not None, "greatest values have one row"
    for (suffix, words), length in zip(TEXTS.items(), lengths, strict=True):
        file.createDimension(f"{name}_{suffix}_length", length or 1)
        _add(file, f"{name}_{suffix}", f"{words} {title}", "S1", {"_Encoding": "utf-8"}, f"{name}_{suffix}_length")


def _add(file: Any, name: str, title: str, kind: str, more: Mapping[str, str], *dimension: str) -> None:
    lengths = [file.dimensions[one].size for one in dimension]
    made = file.createVariable(
        name, kind, ("time", *dimension), compression="zlib", complevel=4, shuffle=True, chunksizes=(CHUNK, *lengths),
        fill_value=np.float32(np.nan) if kind == "f4" else b"\0",
    )  # fmt: skip
    made.setncatts({"long_name": title, "coordinates": "lat lon station", **more})
    made.set_auto_chartostring(False)


def fill_words(
    file: Any, conn: Connection, channel: str, span: Span, axis: npt.NDArray[np.int64], begin: int
) -> None:  # fmt: skip
    """Write what is said of a channel's readings in a span, of which the times stand from `begin` on (microseconds)."""
    rows = conn.execute(SAID, {"channel": channel, "after": span[0], "until": span[1]}).fetchall()
    at = np.searchsorted(axis, np.array([row[0] for row in rows], np.int64))
    there = [row for row, place in enumerate(at.tolist()) if place < len(axis) and axis[place] == rows[row][0]]
    if not there:
        return
    name, first, last = channel.partition("/")[2], int(at[there[0]]), int(at[there[-1]])
    place = slice(begin + first, begin + last + 1)
    for column, suffix in enumerate(SUFFIXES, 1):
        variable = file[f"{name}_{suffix}"]
        if suffix == SCORE:
            scores = np.full(last - first + 1, np.nan, np.float32)
            scores[at[there] - first] = [rows[row][column] for row in there]
            variable[place] = scores
            continue
        texts = np.zeros(last - first + 1, f"S{variable.shape[1]}")
        texts[at[there] - first] = [rows[row][column].encode() for row in there]
        variable[place] = texts.view("S1").reshape(len(texts), -1)
