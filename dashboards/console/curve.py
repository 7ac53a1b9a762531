"""Draws a stretch of a channel as SVG, for pages without scripts: curve, limit, the moment of an alarm. Pure."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from dashboards.console.numbers import number
from dashboards.console.texts import Language

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 28
TICKS: Final = 4
SHORT_S: Final = 600
"""Times of shorter drawings are told by their seconds; the day stands beside them."""


def curve(
    series: Mapping[str, Any],
    limit: float | None,
    moment: datetime,
    zone: ZoneInfo,
    resolution: int,
    words: str,
    language: Language,
) -> str | None:
    """Return the drawing as markup; None where there is nothing to draw.

    Args:
        series: columns as `read_series` gives them; the good readings are the curve, suspect and failed ones crosses.
        limit: drawn as a broken line; None: there is none.
        moment: drawn as an upright line.
        zone: of the times below.
        resolution: decimals of the parameter: no closer look than at these.
        words: what the drawing shows, for whoever does not see it.
        language: of the numbers.
    """
    times: Sequence[float] = series["t"]
    good = [value for value in series["mean"] if value is not None]
    if not good:
        return None
    shown = [*good, *([] if limit is None else [limit])]
    margin = max((max(shown) - min(shown)) * 0.08, abs(max(shown)) * 0.002, 4 * 10.0**-resolution)
    low, high = min(shown) - margin, max(shown) + margin
    first, last = min(times[0], moment.timestamp()), max(times[-1], moment.timestamp())
    across = max(last - first, 1.0)

    def x(t: float) -> str:
        return f"{LEFT + (t - first) / across * (WIDTH - LEFT - RIGHT):.1f}"

    def y(value: float) -> str:
        return f"{TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM):.1f}"

    parts = [
        _line("grid", LEFT, y(value), WIDTH - RIGHT, y(value)) + _text("end", LEFT - 6, y(value), label)
        for value, label in _ticks(low, high, language)
    ]
    for step in range(TICKS):
        t = first + across * (step + 0.5) / TICKS
        local = datetime.fromtimestamp(t, UTC).astimezone(zone)
        parts.append(
            _text("middle", x(t), HEIGHT - 8, f"{local:%H:%M:%S}" if across < SHORT_S else f"{local:%H:%M %d/%m}")
        )
    parts.append(_line("moment", x(moment.timestamp()), TOP, x(moment.timestamp()), HEIGHT - BOTTOM))
    if limit is not None:
        parts.append(_line("limit", LEFT, y(limit), WIDTH - RIGHT, y(limit)))
    points = [None if value is None else f"{x(t)},{y(value)}" for t, value in zip(times, series["mean"], strict=True)]
    parts.append(f'<path class="curve" d="{_path(points)}"/>')
    for kind in ("suspect", "fail"):
        for t, value in zip(times, series[kind], strict=True):
            if value is not None and low <= value <= high:
                parts.append(_text("middle", x(t), y(value), "×"))
    head = f'<svg class="drawing" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(words)}">'
    return f"{head}{''.join(parts)}</svg>"


def _ticks(low: float, high: float, language: Language) -> Iterator[tuple[float, str]]:
    """Yield round numbers between two values, at most seven, with as many decimals or digits as tell them apart."""
    rough = (high - low) / TICKS
    if not math.isfinite(rough):
        return
    power = math.floor(math.log10(rough))
    step = next(factor * 10.0**power for factor in (1, 2, 5, 10) if factor * 10.0**power >= rough * 0.7)
    place = math.floor(math.log10(step))
    digits = max(3, math.floor(math.log10(max(abs(low), abs(high)))) - place + 1)
    for count in range(math.ceil(low / step), math.floor(high / step) + 1):
        yield count * step, number(count * step, max(0, -place), language, digits)


def _path(points: Sequence[str | None]) -> str:
    """Return the commands of a path; None is a gap."""
    steps = [
        f"{'M' if before is None else 'L'}{point}" for before, point in pairwise([None, *points]) if point is not None
    ]
    return "".join(steps)


def _line(kind: str, x1: object, y1: object, x2: object, y2: object) -> str:
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _text(anchor: str, x: object, y: object, words: str) -> str:
    return f'<text text-anchor="{anchor}" x="{x}" y="{y}" dy="0.35em">{html.escape(words)}</text>'
