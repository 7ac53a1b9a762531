"""The calendar of VN_AQI as SVG: each day in the decree's colour, with its value and class in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from typing import Any, Final

from quantrac.telemetry.indices.vn_aqi import CLASSES, class_of

CELL_W, CELL_H, HEAD = 92, 58, 24
WEEKDAYS: Final = {
    "vi": ("T2", "T3", "T4", "T5", "T6", "T7", "CN"), "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}  # fmt: skip
ABSENT: Final = {"vi": "thiếu số liệu", "en": "no data"}
UNREVIEWED: Final = {"vi": "chưa kiểm duyệt", "en": "unreviewed"}
TITLE: Final = {"vi": "Lịch VN_AQI tháng", "en": "Calendar of VN_AQI,"}
LIGHT_INK: Final = frozenset({CLASSES[-1].colour, CLASSES[-2].colour})
"""On these colours black has too little contrast."""


def ink_on(colour: str) -> str:
    """Return the colour of words on a colour of the decree."""
    return "#ffffff" if colour in LIGHT_INK else "#000000"


def calendar(days: Sequence[Mapping[str, Any]], language: str) -> str:
    """Return the month of the days, each `{day, value, reviewed}`, value None where it lacks; weeks begin on Monday."""
    first = date.fromisoformat(days[0]["day"]).replace(day=1)
    offset = first.weekday()
    weeks = (offset + max(date.fromisoformat(one["day"]).day for one in days) + 6) // 7
    width, height = 7 * CELL_W, HEAD + weeks * CELL_H
    heads = "".join(
        f'<text class="weekday" x="{(at + 0.5) * CELL_W:g}" y="16" text-anchor="middle" font-size="12" '
        f'fill="#334155">{word}</text>'
        for at, word in enumerate(WEEKDAYS[language])
    )
    cells = "".join(_cell(one, offset, language) for one in days)
    label = f"{TITLE[language]} {first:%m/%Y}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="aqi-calendar" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(label)}" font-family="inherit">{heads}{cells}</svg>'
    )


def _cell(one: Mapping[str, Any], offset: int, language: str) -> str:
    day = date.fromisoformat(one["day"])
    row, column = divmod(offset + day.day - 1, 7)
    x, y = column * CELL_W, HEAD + row * CELL_H
    value = one["value"]
    if value is None:
        fill, ink, lines = "#ffffff", "#475569", ["", ABSENT[language]]
    else:
        found = class_of(value)
        mark = "" if one["reviewed"] else "*"
        fill, ink = found.colour, ink_on(found.colour)
        lines = [f"{value:.0f}{mark}", found.words.in_language(language)]
    said = f"{day:%d/%m/%Y}: {' '.join(filter(None, lines))}"
    dash, lacks = (' stroke-dasharray="3 3"', ' class="lacks"') if value is None else ("", "")
    return (
        f"<g{lacks}><title>{escape(said)}</title>"
        f'<rect x="{x + 1}" y="{y + 1}" width="{CELL_W - 2}" height="{CELL_H - 2}" '
        f'fill="{fill}" stroke="#94a3b8"{dash}/>'
        f'<text x="{x + 6}" y="{y + 15}" font-size="11" fill="{ink}">{day.day}</text>'
        f'<text x="{x + CELL_W / 2:g}" y="{y + 31}" text-anchor="middle" font-size="18" font-weight="bold" '
        f'fill="{ink}">'
        f"{escape(lines[0])}</text>"
        f'<text x="{x + CELL_W / 2:g}" y="{y + 48}" text-anchor="middle" font-size="11" fill="{ink}">{escape(lines[1])}'
        "</text></g>"
    )
