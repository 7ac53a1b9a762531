"""A season of a made-up estuary sonde: two tides and a day, noise, and errors that a test puts in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quantrac.quality.series import DeviceSeries, Floats
from quantrac.quality.services import LogEntry

HOUR = 3_600_000_000
START = 1_700_000_100_000_000
DAYS = 60
EVERY = 15 * 60 * 1_000_000
TIMES = START + EVERY * np.arange(DAYS * 96, dtype=np.int64)
SERVICES = [START + day * 24 * HOUR for day in (15, 30, 45)]
"""When the sonde was serviced: the first reading afterwards."""
LOG = [LogEntry(at - EVERY // 2, at - EVERY // 2) for at in SERVICES]


def hours() -> Floats:
    """Return the hours since the start of the season."""
    return (TIMES - START) / HOUR


def season(
    errors: Mapping[str, Floats] | None = None, *, seed: int = 1, extra: Mapping[str, float] | None = None
) -> DeviceSeries:
    """Return conductivity, pH and temperature with these errors in them; `extra`: noise alone of other parameters."""
    noise = np.random.default_rng(seed)
    tide, day = np.sin(2 * np.pi * hours() / 12.42), np.sin(2 * np.pi * hours() / 24)
    slow = 0.002 * np.cumsum(noise.normal(size=len(TIMES)))
    values = {
        "ec": 30 + 0.8 * tide + slow + 0.03 * noise.normal(size=len(TIMES)),
        "ph": 7.8 + 0.1 * day + 0.02 * noise.normal(size=len(TIMES)),
        "water_temp": 28 + day + 0.03 * noise.normal(size=len(TIMES)),
    }
    values |= {name: size * noise.normal(size=len(TIMES)) for name, size in (extra or {}).items()}
    for parameter, error in (errors or {}).items():
        values[parameter] = values[parameter] + error
    return DeviceSeries(TIMES, values, {"ec": 0.01, "ph": 0.01, "water_temp": 0.01}, 900.0)


def fouled(parts: Mapping[int, float]) -> Floats:
    """Return errors that grow from nothing to these amounts, by number of the deployment."""
    edges = [START, *SERVICES, int(TIMES[-1]) + EVERY]
    error = np.zeros(len(TIMES))
    for number, end in parts.items():
        inside = (edges[number] <= TIMES) & (edges[number + 1] > TIMES)
        error[inside] = end * np.linspace(0, 1, inside.sum())
    return error
