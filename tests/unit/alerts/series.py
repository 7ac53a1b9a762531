"""Readings for tests, written as a series: `2.8x6 _x20 4.6` is six of 2.8, twenty missing, one of 4.6."""

from __future__ import annotations

from alerts.rules.block import JudgedReading
from quantrac.telemetry.quality import Quality


def read_series(text: str, every_ms: int, *, start_ms: int = 0, quality: Quality = Quality.GOOD) -> list[JudgedReading]:
    """Return the readings of a series; the first token stands at `start_ms`, each next one `every_ms` later.

    `_` is a reading that never came, `null` one without a value. All arrive at their own time.
    """
    samples: list[JudgedReading] = []
    t_ms = start_ms
    for token in text.split():
        value, _, times = token.partition("x")
        for _ in range(int(times or 1)):
            if value == "null":
                samples.append(JudgedReading(t_ms, None, Quality.MISSING, t_ms))
            elif value != "_":
                samples.append(JudgedReading(t_ms, float(value), quality, t_ms))
            t_ms += every_ms
    return samples
