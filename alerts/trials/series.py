"""The series of rule tests: `2.8x6 _x20 4.6` is six readings of 2.8, twenty missing, one of 4.6. Pure."""

from __future__ import annotations

import re
from typing import Final

from alerts.rules.block import JudgedReading
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.quality import Quality

_TOKEN: Final = re.compile(r"(?P<value>_|null|[+-]?(?:\d+\.?\d*|\.\d+))(?:x(?P<times>[1-9]\d*))?")


class SeriesError(QuantracError):
    """A series that cannot be read."""


def read_series(text: str, every_ms: int, *, start_ms: int = 0, quality: Quality = Quality.GOOD) -> list[JudgedReading]:
    """Return the readings of a series; the first token stands at `start_ms`, each next one `every_ms` later.

    `_` is a reading that never came, `null` one without a value. All arrive at their own time.

    Raises:
        SeriesError: a token is not VALUE, VALUExTIMES, _xTIMES or nullxTIMES.
    """
    samples: list[JudgedReading] = []
    position = 0
    for token in text.split():
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise SeriesError(
                f"series token {token!r}: expected a value, _ or null, and perhaps a count, e.g. 2.8x6 or _x20"
            )
        times = int(match["times"] or 1)
        if match["value"] != "_":
            samples += [_sample(match["value"], start_ms + (position + i) * every_ms, quality) for i in range(times)]
        position += times
    return samples


def _sample(word: str, t_ms: int, quality: Quality) -> JudgedReading:
    if word == "null":
        return JudgedReading(t_ms, None, Quality.MISSING, t_ms)
    return JudgedReading(t_ms, float(word), quality, t_ms)
