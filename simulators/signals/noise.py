"""Seeded noise as a function of time.

Random numbers come from hashing (seed, name, number of the time step), so that the value at a moment never depends on
which moments were asked before.
"""

import hashlib
import math
from statistics import NormalDist

_NORMAL = NormalDist()


def uniform(seed: int, name: str, step: int) -> float:
    """A number in (0, 1) that belongs to this step of this series."""
    digest = hashlib.blake2b(f"{seed}/{name}/{step}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2**64


def normal(seed: int, name: str, step: int) -> float:
    """A standard normal number that belongs to this step of this series."""
    return _NORMAL.inv_cdf(uniform(seed, name, step))


class WhiteNoise:
    """Independent normal noise of standard deviation `sd`, a new value every second."""

    def __init__(self, seed: int, name: str, sd: float) -> None:
        self._seed, self._name, self._sd = seed, f"{name}/white", sd

    def at(self, t: float) -> float:
        """Value at Unix time `t`."""
        return self._sd * normal(self._seed, self._name, math.floor(t))


class RedNoise:
    """First-order autoregressive noise on a fixed grid, straight between its points.

    x[k] = phi x[k-1] + e[k] written out as the sum of its last shocks, cut where they no longer count (0.1 %);
    `memory_s` is the time in which a deviation fades to 1/e, `sd` the standard deviation at the grid's points.
    """

    def __init__(self, seed: int, name: str, sd: float, memory_s: float) -> None:
        self._seed, self._name, self._sd = seed, f"{name}/red", sd
        self._grid_s = memory_s / 8
        phi = math.exp(-1 / 8)
        shocks = math.ceil(math.log(0.001) / math.log(phi))
        self._weights = [math.sqrt(1 - phi**2) * phi**age for age in range(shocks)]
        self._points: dict[int, float] = {}

    def at(self, t: float) -> float:
        """Value at Unix time `t`."""
        step = math.floor(t / self._grid_s)
        part = t / self._grid_s - step
        return self._sd * ((1 - part) * self._point(step) + part * self._point(step + 1))

    def _point(self, step: int) -> float:
        if step not in self._points:
            if len(self._points) > 64:
                self._points.clear()
            self._points[step] = sum(
                weight * normal(self._seed, self._name, step - age) for age, weight in enumerate(self._weights)
            )
        return self._points[step]
