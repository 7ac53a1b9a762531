"""Rain: showers placed at random in six-hour pieces of time, more in the wet season, and the gauge's counter."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from simulators.signals.noise import uniform

PIECE_S, MEMORY_S = 6 * 3600, 3 * 3600
WET_MONTHS = range(5, 11)  # the south-west monsoon, May to October
WET_CHANCE, DRY_CHANCE = 0.22, 0.04


@dataclass(frozen=True)
class Shower:
    """One event: rain rises evenly to its peak in the middle and falls again."""

    start: float
    duration_s: float
    total_mm: float

    def fallen(self, t: float) -> float:
        """Millimetres fallen by Unix time `t`."""
        part = min(max((t - self.start) / self.duration_s, 0.0), 1.0)
        return self.total_mm * (2 * part**2 if part < 0.5 else 1 - 2 * (1 - part) ** 2)

    def wetness(self, t: float) -> float:
        """0 to 1: how much the shower still shows in the water, fading within a few hours."""
        if t < self.start:
            return 0.0
        since_end = max(0.0, t - self.start - self.duration_s)
        return self.fallen(t) / (self.total_mm + 10) * math.exp(-since_end / MEMORY_S)


class Rain:
    """Rain at one place as a function of time."""

    def __init__(self, seed: int, place: str) -> None:
        self._seed, self._name = seed, f"{place}/rain"
        self._showers: dict[int, Shower | None] = {}

    def shower(self, piece: int) -> Shower | None:
        """The shower that starts in this six-hour piece of time, if one does."""
        if piece not in self._showers:
            self._showers[piece] = self._draw(piece)
        return self._showers[piece]

    def _draw(self, piece: int) -> Shower | None:
        start = piece * PIECE_S
        wet = datetime.fromtimestamp(start, UTC).month in WET_MONTHS
        chance, when, length, size = (uniform(self._seed, f"{self._name}/{what}", piece) for what in "cwls")
        if chance > (WET_CHANCE if wet else DRY_CHANCE):
            return None
        return Shower(start + when * PIECE_S, 1800 + length * 7200, 2.0 + 40.0 * size**3)

    def counter_mm(self, t: float) -> float:
        """Rain since the start of the UTC month, when the gauge was last reset."""
        moment = datetime.fromtimestamp(t, UTC)
        reset = datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()
        showers = (self.shower(piece) for piece in range(int(reset // PIECE_S), int(t // PIECE_S) + 1))
        return sum(shower.fallen(t) for shower in showers if shower)

    def intensity_mm_h(self, t: float) -> float:
        """Rain of the last minute, in mm/h."""
        pieces = (int(t // PIECE_S) - 1, int(t // PIECE_S))
        showers = (self.shower(piece) for piece in pieces)
        return 60 * sum(shower.fallen(t) - shower.fallen(t - 60) for shower in showers if shower)

    def wetness(self, t: float) -> float:
        """0 (dry for hours) to about 1 (a heavy shower just now)."""
        last = int(t // PIECE_S)
        return min(1.0, sum(s.wetness(t) for s in (self.shower(p) for p in (last - 1, last)) if s))
