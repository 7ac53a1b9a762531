"""The tide of each place in network.yaml: its height now, and the high and low waters around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from alerts.rules.tide import STEP_MS, Tide
from quantrac.config.loader import load_settings
from quantrac.config.tides import PlaceTide
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.slots import EPOCH

log = logger(__name__)

HOUR_MS: Final = 3_600_000
BEFORE_MS: Final = 8 * HOUR_MS
AFTER_MS: Final = 28 * HOUR_MS
"""With the hours before: one whole tide behind and two before, also where there is one a day."""


class TideTurn(msgspec.Struct, frozen=True):
    """A high or a low water."""

    t: int
    """Milliseconds since 1970 UTC."""
    height: float
    """Over the mean level, m."""
    high: bool


class TideCourse(msgspec.Struct, frozen=True):
    """The predicted tide of a place around now."""

    stations: list[str]
    start: int
    """Time of the first height, milliseconds since 1970 UTC."""
    step: int
    """Milliseconds between heights."""
    heights: list[float]
    """Over the mean level, m."""
    turns: list[TideTurn]
    source: str
    """Where the constants come from."""


class TideTable:
    """Reads the places of network.yaml, anew whenever it has changed; files that are wrong leave what was known."""

    def __init__(self, root: Path | None = None, overlay: str | None = None) -> None:
        self._root, self._overlay = root, overlay
        self._stamp: list[tuple[int, int]] | None = None
        self._places: Mapping[str, PlaceTide] = {}

    def courses(self, now: datetime, within: frozenset[str] | None) -> list[TideCourse]:
        """Return the tides of these stations (None: all) in the order of the file; no others are named."""
        shown = ((place, [one for one in place.stations if within is None or one in within]) for place in self._read())
        return [
            msgspec.structs.replace(course(place, now), stations=stations)
            for place, stations in shown
            if stations or within is None
        ]

    def _read(self) -> Iterable[PlaceTide]:
        if self._root is None:
            return ()
        files = [folder / "network.yaml" for folder in (self._root, self._root / (self._overlay or ""))]
        stamp = [(file.stat().st_mtime_ns, file.stat().st_size) for file in files if file.is_file()]
        if stamp and stamp != self._stamp:
            self._stamp = stamp
            try:
                self._places = load_settings(self._root, self._overlay).tides
            except QuantracError as error:
                log.warning("tides_not_read", why=str(error).partition("\n")[0])
        return self._places.values()


def course(place: PlaceTide, now: datetime) -> TideCourse:
    """Return the tide of a place around `now`. Pure."""
    now_ms = round((now - EPOCH).total_seconds() * 1000)
    start = (now_ms - BEFORE_MS) // STEP_MS * STEP_MS
    times = start + STEP_MS * np.arange((BEFORE_MS + AFTER_MS) // STEP_MS + 1)
    heights = Tide(tuple((name, one.amplitude, one.lag) for name, one in place.constituents.items())).heights(times)
    slope = np.sign(np.diff(heights))
    turns = [_turn(heights, int(at), start) for at in np.flatnonzero(slope[1:] * slope[:-1] < 0) + 1]
    rounded = [round(float(height), 3) for height in heights]
    return TideCourse(list(place.stations), start, STEP_MS, rounded, turns, place.source)


def _turn(heights: np.typing.NDArray[np.float64], at: int, start: int) -> TideTurn:
    """Return the vertex of the parabola through an extreme and its neighbours: exact to a minute."""
    before, here, after = (float(height) for height in heights[at - 1 : at + 2])
    shift = (before - after) / (2 * (before - 2 * here + after))
    height = here - (before - after) * shift / 4
    return TideTurn(start + round((at + shift) * STEP_MS), round(height, 3), here > before)
