"""Draws the course of a day as a small PNG, for mail programs show neither SVG nor scripts. Pure, but for Pillow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw, ImageFont

from alerts.telling.notice import number

WIDTH, HEIGHT = 1120, 320
"""Shown at half of it, so that it is sharp on a telephone."""
LEFT, RIGHT, TOP, BOTTOM = 96, 16, 20, 48
INK, GRID, LINE, LIMIT = "#334155", "#e2e8f0", "#0369a1", "#dc2626"
GAP_S: Final = 1800
"""Longer than that without a value, the line is broken."""
HOUR_S: Final = 3600
QUARTER_S: Final = 900
"""Offsets from UTC are multiples of it."""


def day_chart(course: Sequence[tuple[int, float]], limit: float | None, zone: ZoneInfo, language: str) -> bytes | None:
    """Draw (seconds since 1970, value) over 24 hours, labelled local, the limit in red; None: too short."""
    if len(course) < 2:
        return None
    end = course[-1][0]
    start = end - 24 * HOUR_S
    values = [value for _, value in course] + ([] if limit is None else [limit])
    low, high = min(values), max(values)
    margin = (high - low) * 0.1 or max(abs(high) * 0.1, 0.1)
    frame = _Frame(start, end, low - margin, high + margin)
    canvas = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(24)
    _draw_axes(draw, font, frame, zone, language)
    if limit is not None:
        _draw_limit(draw, frame, limit)
    for (t0, v0), (t1, v1) in pairwise(course):
        if t1 - t0 <= GAP_S:
            draw.line([frame.at(t0, v0), frame.at(t1, v1)], fill=LINE, width=4)
    written = io.BytesIO()
    canvas.save(written, "PNG", optimize=True)
    return written.getvalue()


class _Frame:
    """Where times and values lie in the picture."""

    def __init__(self, start: int, end: int, low: float, high: float) -> None:
        self.start, self.end, self.low, self.high = start, end, low, high

    def at(self, t: float, value: float) -> tuple[float, float]:
        x = LEFT + (t - self.start) / (self.end - self.start) * (WIDTH - LEFT - RIGHT)
        y = TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)
        return x, y


def _draw_axes(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    frame: _Frame,
    zone: ZoneInfo,
    language: str,
) -> None:
    for step in range(4):
        value = frame.low + (frame.high - frame.low) * step / 3
        _, y = frame.at(frame.start, value)
        draw.line([(LEFT, y), (WIDTH - RIGHT, y)], fill=GRID, width=2)
        draw.text((LEFT - 10, y), number(f"{value:.3g}", language), fill=INK, font=font, anchor="rm")
    first = frame.start - frame.start % QUARTER_S + QUARTER_S
    for t in range(first, frame.end + 1, QUARTER_S):
        local = datetime.fromtimestamp(t, zone)
        if local.hour % 6 == 0 and local.minute == 0:
            x, _ = frame.at(t, frame.low)
            draw.line([(x, TOP), (x, HEIGHT - BOTTOM)], fill=GRID, width=2)
            draw.text((x, HEIGHT - BOTTOM + 8), f"{local:%H:%M}", fill=INK, font=font, anchor="ma")


def _draw_limit(draw: ImageDraw.ImageDraw, frame: _Frame, limit: float) -> None:
    _, y = frame.at(frame.start, limit)
    for x in range(LEFT, WIDTH - RIGHT, 24):
        draw.line([(x, y), (min(x + 14, WIDTH - RIGHT), y)], fill=LIMIT, width=3)
