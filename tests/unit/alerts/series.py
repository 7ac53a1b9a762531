"""Readings for tests, written as a series: `2.8x6 _x20 4.6` is six of 2.8, twenty missing, one of 4.6."""

from __future__ import annotations

import re
from typing import Final

from alerts.rules.block import JudgedReading
from quantrac.telemetry.quality import Quality

TOKEN: Final = re.compile(r"(?P<value>_|null|[+-]?(?:\d+\.?\d*|\.\d+))(?:x(?P<times>[1-9]\d*))?")


def read_series(text: str, every_ms: int, *, start_ms: int = 0, quality: Quality = Quality.GOOD) -> list[JudgedReading]:
    """Return the readings of a series; the first token stands at `start_ms`, each next one `every_ms` later.

    `_` is a reading that never came, `null` one without a value. All arrive at their own time.
    """
    samples: list[JudgedReading] = []
    t_ms = start_ms
    for token in text.split():
        match = TOKEN.fullmatch(token)
        assert match is not None, f"series token {token!r}"
        for _ in range(int(match["times"] or 1)):
            if match["value"] == "null":
                samples.append(JudgedReading(t_ms, None, Quality.MISSING, t_ms))
            elif match["value"] != "_":
                samples.append(JudgedReading(t_ms, float(match["value"]), quality, t_ms))
            t_ms += every_ms
    return samples
