"""The tests whose mere suspicion keeps no alarm from rising: it may be a flood, or another sensor's fault."""

from __future__ import annotations

from typing import Final

from quantrac.quality import neighbours
from quantrac.quality.device_tests import DEVICE_TESTS

DOUBTING: Final = frozenset({*DEVICE_TESTS, neighbours.TEST})
"""Names of tests that look beyond one channel: at its device, or at the stations around."""
