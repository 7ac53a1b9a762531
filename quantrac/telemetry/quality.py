"""Quality of a reading: the result of our tests as QARTOD flags (IOC Manuals and Guides 54, volume 3)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, IntFlag
from typing import Final

from quantrac.telemetry.states import State


class Quality(IntEnum):
    """QARTOD primary flags; a larger number is worse."""

    GOOD = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9

    @property
    def word(self) -> str:
        """`good`, `not_evaluated`, `suspect`, `fail`, `missing`: the words that rules use."""
        return self.name.lower()


class StatelessTest(IntFlag):
    """Tests that need nothing but the reading; their verdict stands in the reading's own row, one bit a finding."""

    NULL = 1
    """There is no value."""
    RANGE = 2
    """Outside what the instrument can measure: its span."""
    PLAUSIBLE = 4
    """Outside what nature can do (catalogue)."""
    EXPECT = 8
    """Outside what this channel is expected to show (station file)."""

    @property
    def word(self) -> str:
        """The name shown in `v_reading.tests`."""
        return (self.name or "").lower()


QUALITY_OF_TEST: Final[dict[StatelessTest, Quality]] = {
    StatelessTest.NULL: Quality.MISSING,
    StatelessTest.RANGE: Quality.FAIL,
    StatelessTest.PLAUSIBLE: Quality.FAIL,
    StatelessTest.EXPECT: Quality.SUSPECT,
}
"""What a finding means."""

QUALITY_OF_STATE: Final[dict[State, Quality]] = {
    State.OK: Quality.GOOD,
    State.SUSPECT: Quality.SUSPECT,
    State.RANGE: Quality.FAIL,
    State.WARMUP: Quality.FAIL,
    State.MAINT: Quality.FAIL,
    State.CAL: Quality.FAIL,
    State.FAULT: Quality.FAIL,
    State.COMM: Quality.MISSING,
}
"""What the device's word means for the value: a value of the calibration gas is no value of the air."""


def worst(qualities: Iterable[Quality]) -> Quality:
    """Return the worst flag; GOOD when there is none."""
    return max(qualities, default=Quality.GOOD)


def quality_of(state: State, tests: StatelessTest) -> Quality:
    """Return the quality that state and stateless tests give together, before any test with a history."""
    return worst([QUALITY_OF_STATE[state], *(QUALITY_OF_TEST[test] for test in tests)])
