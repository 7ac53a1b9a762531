"""What a sensor in order may be wrong by, and how fine its steps have to be, by parameter. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from quantrac.quality.series import Floats


class Accuracy(NamedTuple):
    """A reading may be wrong by `absolute` (unit of the parameter) or by `share` of itself, whichever is more."""

    absolute: float
    share: float = 0.0

    def allowed(self, value: Floats) -> Floats:
        """Return by how much readings of these values may be wrong, in their unit; NaN where there is no value."""
        allowed = np.maximum(self.absolute, self.share * np.abs(value))
        return np.asarray(allowed, np.float64)


CLASSES: Final[Mapping[str, Accuracy]] = {
    "water_temp": Accuracy(0.2),
    "ph": Accuracy(0.2),
    "do": Accuracy(0.3),
    "do_sat": Accuracy(3.0, 0.03),
    "ec": Accuracy(0.005, 0.01),
    "salinity": Accuracy(0.1, 0.01),
    "turbidity": Accuracy(2.0, 0.05),
    "water_level": Accuracy(0.03),
}
"""Of a multiparameter sonde. Temperature, pH, oxygen in mg/l and the least of conductivity: beyond which the United
States Geological Survey corrects (Wagner and others 2006, Techniques and Methods 1-D3, criteria for data corrections);
its 3 % of conductivity is wider than what makers state, which stands here, as for salinity and turbidity (1 % and 5 %
of the reading or 2 NTU: data sheets of YSI's 6-series). Oxygen saturation: the same 0.3 mg/l in warm water, rounded.
Water level: class 2 of ISO 4373 for a gauge of ten metres, 0.3 %."""

FINE: Final[Mapping[str, float]] = {
    "water_temp": 0.1,
    "ec": 0.01,
    "salinity": 0.05,
    "do": 0.04,
    "do_sat": 0.5,
    "ph": 0.04,
    "water_level": 0.05,
    "air_temp": 0.1,
    "pressure": 0.1,
    "pm2_5": 1.0,
    "pm10": 1.0,
    "o3": 1.0,
}
"""In steps no coarser than this water and air move within hours, also when they are calm, in the parameter's unit. Two
estuaries and a river, rounded to coarser and coarser steps, stand still at most so many times longer as the step is
coarser: pH in steps of 0.01, 0.05, 0.1, 0.2 for 8, 16, 101, 384 h; oxygen of 0.1, 0.2 mg/l for 14, 33 h. The figures of
air are ours."""


def coarseness(parameter: str, resolution: float | None) -> float:
    """Return how many times coarser than fine the steps of an instrument are, 1 at least, and where nobody knows."""
    fine = FINE.get(parameter)
    return 1.0 if fine is None or resolution is None else max(1.0, resolution / fine)


PROPORTIONAL: Final[Mapping[str, float]] = {"ec": 0.01, "salinity": 0.02}
"""What moves by shares of itself, and the step that is taken where nobody knows it, in the parameter's unit."""
LEAST_STEPS: Final = 20.0
"""A value of fewer steps of its instrument may rest for days: fresh water whose salt moves by some per cent."""


def resting_up_to(parameter: str, resolution: float | None) -> float:
    """Return up to which value water may give the same for days, unit of the parameter; -inf: there is none."""
    usual = PROPORTIONAL.get(parameter)
    return -np.inf if usual is None else LEAST_STEPS * (usual if resolution is None else resolution)
