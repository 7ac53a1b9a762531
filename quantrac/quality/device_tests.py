"""The tests of a device as one thing: name, what each needs and reaches, what its findings say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from quantrac.quality import (
    acidity,
    air,
    attenuation,
    climatology,
    companions,
    failure,
    immersion,
    roughness,
    stillness,
    supersaturation,
    thermometer,
    thermometer_step,
    trained,
    turbidity,
)
from quantrac.quality.features import AHEAD_S, BACK_S, LEARNT
from quantrac.quality.past import REACH_S
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
    reads: frozenset[str] | None = None
    """The parameters that it looks at; None: all of the device."""

    def serves(self, parameters: frozenset[str]) -> bool:
        """Tell whether a device with these parameters has the test."""
        return all(group & parameters for group in self.needs)


DEVICE_TESTS: Final[Mapping[str, DeviceTest]] = MappingProxyType(
    {
        test.name: test
        for test in (
            DeviceTest(
                name=immersion.TEST,
                needs=(frozenset(immersion.WET),),
                back_s=immersion.BACK_S,
                ahead_s=0.0,
                judge=immersion.out_of_water,
                found=Words(
                    "đầu đo không ở trong nước: độ dẫn điện hoặc độ mặn chỉ còn {conducts:g}",
                    "the probe is not in the water: its conductivity or salinity is only {conducts:g}",
                ),
            ),
            DeviceTest(
                name=thermometer.TEST,
                needs=(frozenset({"water_temp"}),),
                back_s=0.0,
                ahead_s=0.0,
                judge=thermometer.thermometer,
                found=Words(
                    "nhiệt kế hỏng ({temperature:g} °C): không tin được các giá trị của đầu đo này",
                    "the thermometer is broken ({temperature:g} °C): the other values of this sonde cannot be trusted",
                ),
            ),
            DeviceTest(
                name=thermometer_step.TEST,
                needs=(frozenset({"water_temp"}),),
                back_s=thermometer_step.BACK_S,
                ahead_s=thermometer_step.BESIDE_S,
                judge=thermometer_step.thermometer_step,
                found=Words(
                    "nhiệt độ đã nhảy {moved:+.1f} °C giữa hai lần đọc và chưa trở lại: nhiệt kế có thể lệch",
                    "the temperature jumped by {moved:+.1f} °C between two readings and has not come back: "
                    "the thermometer may be off",
                ),
                reads=frozenset({"water_temp"}),
            ),
            DeviceTest(
                name=failure.TEST,
                needs=(frozenset(failure.PARAMETERS),),
                back_s=failure.BACK_S,
                ahead_s=failure.AHEAD_S,
                judge=failure.failing,
                found=Words(
                    "cảm biến đang hỏng: {impossible:.0f} giá trị không thể có trong những giờ quanh đó",
                    "the sensor is failing: {impossible:.0f} impossible values in the hours around",
                ),
            ),
            DeviceTest(
                name=stillness.TEST,
                needs=(stillness.JUDGED,),
                back_s=stillness.BACK_S,
                ahead_s=0.0,
                judge=stillness.frozen,
                found=Words(
                    "lặp lại y nguyên {repeats:.0f} lần, lâu hơn mức ngẫu nhiên của thiết bị này",
                    "repeats itself {repeats:.0f} times, longer than this device does by chance",
                ),
            ),
            DeviceTest(
                name=roughness.TEST,
                needs=(frozenset(roughness.ACCURACY),),
                back_s=roughness.BACK_S,
                ahead_s=0.0,
                judge=roughness.erratic,
                found=Words(
                    "nhảy thất thường: sáu giờ qua {rough:.0f} % số lần đọc nhảy xa hơn hẳn tuần trước ({usual:.3g})",
                    "erratic: {rough:.0f} % of the readings of six hours jump more than in the last week ({usual:.3g})",
                ),
            ),
            DeviceTest(
                name=acidity.TEST,
                needs=(frozenset({"ph"}), frozenset({"do_sat"}), frozenset(acidity.BRACKISH)),
                back_s=acidity.DAY_S,
                ahead_s=0.0,
                judge=acidity.ph_oxygen,
                found=Words(
                    "pH và oxy không khớp: một ngày qua pH cao hơn {above:.2f} so với oxy ({saturation:.0f} %)",
                    "pH and oxygen disagree: for a day pH is {above:.2f} above what oxygen ({saturation:.0f} %) allows",
                ),
            ),
            DeviceTest(
                name=supersaturation.TEST,
                needs=(frozenset(supersaturation.OXYGEN), frozenset({"do_sat", "water_temp"})),
                back_s=supersaturation.DAYS_S,
                ahead_s=0.0,
                judge=supersaturation.supersaturated,
                found=Words(
                    "hai ngày đêm liền oxy không xuống dưới {kept:.0f} % bão hòa (tính ở áp suất mực nước biển): "
                    "đầu đo có thể đọc cao",
                    "for two days and nights never below {kept:.0f} % of saturation at sea level: "
                    "the probe may read high",
                ),
            ),
            DeviceTest(
                name=turbidity.BURST,
                needs=(frozenset({"turbidity"}),),
                back_s=turbidity.BESIDE_S,
                ahead_s=turbidity.BESIDE_S,
                judge=turbidity.burst,
                found=Words(
                    "tăng vọt: trong một giờ trước và sau đó có lúc chỉ {beside:.0f} NTU",
                    "a burst: within the hour before and after, it was down to {beside:.0f} NTU",
                ),
            ),
            DeviceTest(
                name=turbidity.FOULED,
                needs=(frozenset({"turbidity"}),),
                back_s=turbidity.BACK_S,
                ahead_s=0.0,
                judge=turbidity.fouled,
                found=Words(
                    "suốt 18 giờ không xuống dưới {floor:.0f} NTU, mấy tuần trước thường {usual:.0f}: "
                    "kính có thể bị bẩn",
                    "for 18 h never below {floor:.0f} NTU, where {usual:.0f} was usual: the window may be fouled",
                ),
                reads=frozenset({"turbidity", *turbidity.FLOOD}),
            ),
            DeviceTest(
                name=attenuation.TEST,
                needs=(frozenset(attenuation.JUDGED), frozenset({"ec", "salinity", "ph", "turbidity", "water_level"})),
                back_s=attenuation.BACK_S,
                ahead_s=0.0,
                judge=attenuation.attenuated,
                found=Words(
                    "biên độ ngày chỉ còn {left:.0f} % so với ngày lặng nhất tuần trước, đại lượng khác vẫn dao động",
                    "only {left:.0f} % of the calmest day's rise and fall is left, while the other sensors keep theirs",
                ),
            ),
            DeviceTest(
                name=climatology.TEST,
                needs=(stillness.JUDGED,),
                back_s=climatology.DAY_S,
                ahead_s=0.0,
                judge=climatology.climatology,
                found=Words(
                    "trung bình một ngày lệch {off:+.3g} so với mức thường thấy của mùa, giờ và con nước ({usual:.3g})",
                    "the day's mean is {off:+.3g} off what is usual for season, hour and tide ({usual:.3g})",
                ),
            ),
            DeviceTest(
                name=trained.TEST,
                needs=(frozenset(LEARNT),),
                back_s=BACK_S,
                ahead_s=AHEAD_S,
                judge=trained.trained,
                found=Words(
                    "giống các giá trị người kiểm duyệt từng loại: xác suất {chance:.0f} %, nghi ngờ từ {limit:.0f} %",
                    "like what people have rejected: probability {chance:.0f} %, in doubt from {limit:.0f} % on",
                ),
            ),
            DeviceTest(
                name=air.ZERO,
                needs=(frozenset(air.DRIFT),),
                back_s=air.BACK_S,
                ahead_s=0.0,
                judge=air.zero_drift,
                found=Words(
                    "điểm không có thể đã trôi: trung bình sáu giờ {mean:.1f}, thấp nhất một ngày {floor:.1f} µg/m³",
                    "the zero may have drifted: mean of six hours {mean:.1f}, lowest of a day {floor:.1f} µg/m³",
                ),
            ),
            DeviceTest(
                name=air.CHECK,
                needs=(frozenset(f"{name}_{gas}" for name in air.DRIFT for gas in ("zero", "span")),),
                back_s=REACH_S,
                ahead_s=0.0,
                judge=air.gas_check,
                found=Words(
                    "lần kiểm tra gần nhất: khí không lệch {zero:.1f} µg/m³, khí span lệch {span:.0f} %",
                    "at the last check zero gas was off by {zero:.1f} µg/m³, span gas by {span:.0f} %",
                ),
            ),
            DeviceTest(
                name=air.HUMID,
                needs=(frozenset({"pm2_5", "pm10"}), frozenset({"humidity"})),
                back_s=air.DAY_S + air.HOUR_S,
                ahead_s=0.0,
                judge=air.humid_dust,
                found=Words(
                    "không khí gần bão hòa ({humidity:.0f} %), giờ khô chỉ tới {driest:.0f}: có thể là hơi nước",
                    "air nearly saturated ({humidity:.0f} %), {driest:.0f} at most in the drier hours: it may be water",
                ),
            ),
            *(
                DeviceTest(
                    name=name,
                    needs=needs,
                    back_s=0.0,
                    ahead_s=0.0,
                    judge=pair,
                    found=Words(
                        "không khớp với đại lượng đi kèm: {given:.4g}, lẽ ra khoảng {expected:.4g}",
                        "disagrees with its companion: {given:.4g} where about {expected:.4g} is expected",
                    ),
                )
                for name, needs, pair in (
                    (
                        companions.OXYGEN,
                        (
                            frozenset({"do"}),
                            frozenset({"do_sat"}),
                            frozenset({"water_temp"}),
                            frozenset({"salinity", "ec"}),
                        ),
                        companions.oxygen_pair,
                    ),
                    (companions.SALINITY, (frozenset({"salinity"}), frozenset({"ec"})), companions.salinity_pair),
                    (companions.DUST, (frozenset({"pm2_5"}), frozenset({"pm10"})), companions.dust_pair),
                    (
                        companions.NITROGEN,
                        (frozenset({"no"}), frozenset({"no2"}), frozenset({"nox"})),
                        companions.nitrogen_pair,
                    ),
                )
            ),
        )
    }
)
"""Every test by its name."""


def judge(series: DeviceSeries) -> list[Evidence]:
    """Judge a device by every test that its parameters allow."""
    own = frozenset(series.values)
    return [evidence for test in DEVICE_TESTS.values() if test.serves(own) for evidence in test.judge(series)]
