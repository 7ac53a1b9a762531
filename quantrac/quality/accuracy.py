"""What a sensor in order may be wrong by, by parameter. Pure."""

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
}
"""Of a multiparameter sonde. Temperature, pH, oxygen in mg/l and the least of conductivity: beyond which the United
States Geological Survey corrects (Wagner and others 2006, Techniques and Methods 1-D3, criteria for data corrections);
its 3 % of conductivity is wider than what makers state, which stands here, as for salinity and turbidity (1 % and 5 %
of the reading or 2 NTU: data sheets of YSI's 6-series). Oxygen saturation: the same 0.3 mg/l in warm water, rounded."""
