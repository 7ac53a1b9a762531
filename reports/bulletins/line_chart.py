"""The curve of a channel's daily values as SVG: gaps stay gaps, limits are dashed lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from math import ceil, floor, log10
from typing import Any, Final

from reports.bulletins.notation import given, number, short_day

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 170, 48, 12, 12, 24
INK, SOFT, LIMIT, LINE = "#0f172a", "#64748b", "#b91c1c", "#0369a1"
STEPS: Final = (1, 2, 2.5, 5, 10)
MOST_LINES: Final = 5


def curve(found: Mapping[str, Any], language: str) -> str:
    """Return a drawing of `{title, unit, decimals, points: [[day, value or None], …], low, high}`."""
    points = [(date.fromisoformat(day), value) for day, value in found["points"]]
    limits = [bound for bound in (found["low"], found["high"]) if bound is not None]
    shown = [value for _, value in points if value is not None]
    if not shown:
        return ""
    low, high, step = scale(min(shown), max(shown))
    first, days = points[0][0], max(1, (points[-1][0] - points[0][0]).days)

    def x(day: date) -> float:
        return LEFT + (day - first).days / days * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    lines = []
    for n in range(round((high - low) / step) + 1):
        at = low + n * step
        lines.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(at):.1f}" y2="{y(at):.1f}" stroke="#e2e8f0"/>'
            f'<text x="{LEFT - 6}" y="{y(at) + 4:.1f}" text-anchor="end" font-size="11" fill="{SOFT}">'
            f"{given(round(at, 6), language)}</text>"
        )
    lines += [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(at):.1f}" y2="{y(at):.1f}" stroke="{LIMIT}" '
        'stroke-width="1.2" stroke-dasharray="6 4"/>'
        for at in limits if low <= at <= high
    ]  # fmt: skip
    for at in range(0, days + 1, max(1, days // 6)):
        day = date.fromordinal(first.toordinal() + at)
        lines.append(
            f'<text x="{x(day):.1f}" y="{HEIGHT - 8}" text-anchor="middle" font-size="11" fill="{SOFT}">'
            f"{short_day(day)}</text>"
        )
    title = f"{found['title']} ({found['unit']})" if found["unit"] else str(found["title"])
    span = f"{number(min(shown), found['decimals'], language)}–{number(max(shown), found['decimals'], language)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(f"{title}: {span}")}" font-family="inherit">{"".join(lines)}{_drawn(points, x, y)}</svg>'
    )


def scale(least: float, most: float) -> tuple[float, float, float]:
    """Return the ends of an axis and the step of its lines, round numbers, that hold both values."""
    if most - least < (least_width := max(abs(most) * 0.1, 1e-6)):
        middle = (least + most) / 2
        least, most = middle - least_width / 2, middle + least_width / 2
    width = most - least
    power = 10.0 ** floor(log10(width / MOST_LINES))
    step = next(power * one for one in STEPS if width / (power * one) <= MOST_LINES)
    low, high = floor(least / step) * step, ceil(most / step) * step
    return low, high if high > low else low + step, step


def _drawn(points: Sequence[tuple[date, float | None]], x: Any, y: Any) -> str:
    runs: list[list[str]] = [[]]
    for day, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{x(day):.1f},{y(value):.1f}")
    drawn = []
    for run in runs:
        if len(run) == 1:
            at_x, _, at_y = run[0].partition(",")
            drawn.append(f'<circle cx="{at_x}" cy="{at_y}" r="2" fill="{LINE}"/>')
        elif run:
            drawn.append(f'<polyline points="{" ".join(run)}" fill="none" stroke="{LINE}" stroke-width="1.6"/>')
    return "".join(drawn)
