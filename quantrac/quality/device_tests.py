"""The tests of a device as one thing: name, what each needs and reaches, what its findings say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from quantrac.quality import immersion
from quantrac.quality.series import DeviceSeries, Evidence
from quantrac.telemetry.words import Words


@dataclass(frozen=True, slots=True)
class DeviceTest:
    """One test. Its verdict on a time depends on nothing outside the reach."""

    name: str
    needs: tuple[frozenset[str], ...]
    """The device measures at least one parameter of each set, else the test says nothing."""
    back_s: float
    """How far a verdict looks back, seconds."""
    ahead_s: float
    """How far it looks ahead, seconds: until then it may change with readings that come."""
    judge: Callable[[DeviceSeries], list[Evidence]]
    found: Words
    """What a finding says, with the placeholders of its `about`."""

    def serves(self, parameters: frozenset[str]) -> bool:
        """Tell whether a device with these parameters has the test."""
        return all(group & parameters for group in self.needs)


DEVICE_TESTS: Final[Mapping[str, DeviceTest]] = MappingProxyType(
    {
        test.name: test
        for test in (
            DeviceTest(
                name=immersion.TEST,
                needs=(frozenset(immersion.IN_AIR),),
                back_s=immersion.DAY_S,
                ahead_s=0.0,
                judge=immersion.out_of_water,
                found=Words(
                    "đầu đo không ở trong nước: độ dẫn điện hoặc độ mặn chỉ còn {conducts:g}",
                    "the probe is not in the water: its conductivity or salinity is only {conducts:g}",
                ),
            ),
        )
    }
)
"""Every test by its name."""


def judge(series: DeviceSeries) -> list[Evidence]:
    """Judge a device by every test that its parameters allow."""
    own = frozenset(series.values)
    return [evidence for test in DEVICE_TESTS.values() if test.serves(own) for evidence in test.judge(series)]
