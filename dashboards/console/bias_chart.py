"""Draws how far a sensor was from the laboratory, sample by sample, with the tolerance, as SVG."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from dashboards.console.numbers import signed
from dashboards.console.texts import Language, texts
from quantrac.desks.laboratory_results import ComparedResult, measured
from quantrac.telemetry.words import counted

WIDTH, HEIGHT = 640, 190
LEFT, RIGHT, TOP, BOTTOM = 70, 14, 12, 26
SIGN: Final = 5
"""Half of a sign's width: a ring within the tolerance, a cross beyond it, a diamond where there is none."""


def bias_chart(found: Sequence[ComparedResult], title: str, language: Language, zone: ZoneInfo) -> str:
    """Return the drawing of a channel's results with a difference, at least one; zero is in its middle."""
    points = sorted(
        (one.row.sampled_at.timestamp(), one.bias.difference, one) for one in found if one.bias.difference is not None
    )
    parameter = measured().get(found[0].row.parameter)  # None: one of the network's own, of files no longer in force
    resolution, unit = (2, found[0].row.unit) if parameter is None else (parameter.resolution, parameter.label)
    reach = max(*(abs(difference) for _, difference, _ in points), 10.0**-resolution,
                *(one.bias.allowed or 0.0 for _, _, one in points)) * 1.15  # fmt: skip
    first, last = points[0][0], points[-1][0]
    across, text = max(last - first, 1.0), texts(language)

    def x(t: float) -> float:
        share = 0.5 if last == first else (t - first) / across
        return round(LEFT + SIGN + share * (WIDTH - LEFT - RIGHT - 2 * SIGN), 1)

    def y(value: float) -> float:
        return round(TOP + (reach - value) / (2 * reach) * (HEIGHT - TOP - BOTTOM), 1)

    band = [(x(t), one.bias.allowed) for t, _, one in points if one.bias.allowed is not None]
    parts = [_band([(at, y(allowed), y(-allowed)) for at, allowed in band])] if band else []
    for value in (-reach / 1.15, 0.0, reach / 1.15):
        label = signed(value, resolution, language)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y(value)}" x2="{WIDTH - RIGHT}" y2="{y(value)}"/>')
        parts.append(f'<text text-anchor="end" x="{LEFT - 6}" y="{y(value)}" dy="0.35em">{label}</text>')
    for t, anchor in {first: "start", last: "end"}.items():
        day = points[0 if t == first else -1][2].row.sampled_at.astimezone(zone)
        parts.append(f'<text text-anchor="{anchor}" x="{x(t)}" y="{HEIGHT - 6}">{day:%d/%m/%Y}</text>')
    for t, difference, one in points:
        at = one.row.sampled_at.astimezone(zone)
        verdict = "" if one.bias.verdict is None else f", {text[f'sample_{one.bias.verdict}']}"
        words = f"{at:%d/%m/%Y}: {signed(difference, resolution, language)} {unit}{verdict}"
        sign = _sign(one.bias.verdict, x(t), y(difference))
        parts.append(f"<g><title>{html.escape(words)}</title>{sign}</g>")
    words = html.escape(f"{text['sample_bias']}: {title}, {counted(len(points), text['sample_results'])}")
    head = f'<svg class="drawing bias" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}">'
    return f"{head}{''.join(parts)}</svg>"


def _band(edges: Sequence[tuple[float, float, float]]) -> str:
    """Return the tolerance as an area over the whole width: it goes on as it is at the first and the last sample."""
    along = [(LEFT, *edges[0][1:]), *edges, (WIDTH - RIGHT, *edges[-1][1:])]
    corners = [f"{x},{top}" for x, top, _ in along] + [f"{x},{bottom}" for x, _, bottom in reversed(along)]
    return f'<polygon class="tolerance" points="{" ".join(corners)}"/>'


def _sign(verdict: str | None, x: float, y: float) -> str:
    if verdict == "within":
        return f'<circle class="within" cx="{x}" cy="{y}" r="{SIGN - 1}"/>'
    if verdict == "beyond":
        return (
            f'<path class="beyond" d="M{x - SIGN},{y - SIGN}L{x + SIGN},{y + SIGN}'
            f'M{x - SIGN},{y + SIGN}L{x + SIGN},{y - SIGN}"/>'
        )
    return f'<path class="unjudged" d="M{x},{y - SIGN}L{x + SIGN},{y}L{x},{y + SIGN}L{x - SIGN},{y}Z"/>'
