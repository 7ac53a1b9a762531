"""Normals of a channel by month and tide phase, and the departure of a reading from them. Pure.

departure = (value - median) / MAD, median and MAD those of the channel's own good readings of that local month and tide
phase; MAD = median(|value - median|), at least half a unit of the parameter's resolution. A station without a tide has
one cell a month.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.rules.local_clock import local_ms
from alerts.rules.tide import Tide
from quantrac.config.tides import TidePhase

ALL_PHASES: Final = len(TidePhase)
"""The column of a month as a whole."""
LEAST_READINGS: Final = 200
"""Fewer say nothing of what is normal."""

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cell:
    """What is normal in a month and tide phase."""

    month: int
    """1 to 12, local."""
    phase: int
    """`TidePhase`, or ALL_PHASES."""
    median: float
    mad: float
    count: int


@dataclass(frozen=True, eq=False, slots=True)
class Normals:
    """The cells of a channel as tables [month - 1, phase]; NaN: not known. Compared by identity."""

    median: Floats
    mad: Floats

    @classmethod
    def of(cls, cells: list[Cell], resolution: int) -> Normals:
        """Return the tables of cells; a month without a phase has nothing there.

        `resolution`: decimals of the parameter's smallest step that means something.
        """
        median, mad = np.full((12, ALL_PHASES + 1), np.nan), np.full((12, ALL_PHASES + 1), np.nan)
        for cell in cells:
            median[cell.month - 1, cell.phase] = cell.median
            mad[cell.month - 1, cell.phase] = max(cell.mad, 0.5 * 10.0**-resolution)
        return cls(median, mad)

    def departures(self, t_ms: Times, value: Floats, zone: ZoneInfo, tide: Tide | None) -> Floats:
        """Return how many MADs each value lies from its median, negative below it; NaN where no normal is known."""
        month, phase = _cells(t_ms, zone, tide)
        return (value - self.median[month, phase]) / self.mad[month, phase]


def normal_cells(t_ms: Times, value: Floats, zone: ZoneInfo, tide: Tide | None) -> list[Cell]:
    """Return the cells that readings (good ones, no NaN) make; months and phases with too few are left out."""
    month, phase = _cells(t_ms, zone, tide)
    cells = []
    for number in range(12):
        for kind in range(ALL_PHASES + 1):
            own = value[(month == number) & (phase == kind)]
            if len(own) >= LEAST_READINGS:
                median = float(np.median(own))
                cells.append(Cell(number + 1, kind, median, float(np.median(np.abs(own - median))), len(own)))
    return cells


def _cells(t_ms: Times, zone: ZoneInfo, tide: Tide | None) -> tuple[Times, Times]:
    """Return month - 1 and phase of each time; a reading stands for the time before it."""
    before = t_ms - 1
    month = local_ms(before, zone).astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64) % 12
    phase = np.full(len(t_ms), ALL_PHASES) if tide is None else tide.phases(before).astype(np.int64)
    return month, phase
