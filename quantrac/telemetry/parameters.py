"""The parameter catalogue: what can be measured, its unit, its bounds and its kind.

Sources: spans after the sensor minimums of Circular 10/2021/TT-BTNMT where it names the parameter, else the usual
span of field instruments; plausible ranges are what tropical coastal waters and air can show; ministry symbols after
Appendix 15, table 34 of the same circular, and where it has none (DO, EC, salinity, turbidity, fluoride, HF, HCl, Hg in
water …) the symbols its receivers use in practice.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.words import Words


class Kind(StrEnum):
    """How values of a parameter are put together over time."""

    MEAN = "mean"
    """Arithmetic mean."""
    VECTOR = "vector"
    """Direction of the mean unit vector, degrees."""
    SUM = "sum"
    """Amount that fell or flowed in the time."""
    LAST = "last"
    """The last value: states, counters, voltages of a moment."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that can be measured. Ranges are (low, high), both inclusive, in `unit`."""

    id: str
    title_vi: str
    title_en: str
    unit: str
    """UCUM code."""
    label: str
    """How people write the unit."""
    decimals: int
    """With how many of them a value is written for people."""
    span: tuple[float, float]
    """What instruments can measure: outside it a value is an error."""
    plausible: tuple[float, float]
    """What nature can show: outside it a value fails."""
    kind: Kind
    symbol: str | None
    """Name in the ministry's file; None where it is never sent."""
    resolution: int
    """Decimals of the smallest step that means something: trends, normals and the margins of charts go by it."""
    states: tuple[Words, Words] | None = None
    """What 0 and 1 are called, where nothing else is measured; None: values are numbers."""

    def said(self, value: float, language: str) -> str | None:
        """Return the state that a value is; None where it is a number."""
        return None if self.states is None or value not in (0, 1) else self.states[int(value)].in_language(language)


class UnknownParameter(QuantracError):
    """A name that is not in the catalogue."""


def _mean(
    name: str, vi: str, en: str, unit: str, label: str, decimals: int, span: tuple[float, float],
    plausible: tuple[float, float], symbol: str | None = None, *, resolution: int | None = None,
) -> Parameter:  # fmt: skip
    """`resolution`: None: the decimals shown."""
    told_apart = decimals if resolution is None else resolution
    return Parameter(name, vi, en, unit, label, decimals, span, plausible, Kind.MEAN, symbol, told_apart)


def _other(
    kind: Kind, name: str, vi: str, en: str, unit: str, label: str, decimals: int, span: tuple[float, float],
    symbol: str | None = None,
) -> Parameter:  # fmt: skip
    return Parameter(name, vi, en, unit, label, decimals, span, span, kind, symbol, decimals)


def _state(name: str, vi: str, en: str, off: Words, on: Words) -> Parameter:
    return replace(_other(Kind.LAST, name, vi, en, "1", "", 0, (0, 1)), states=(off, on))


# fmt: off
WATER: Final = (
    _mean("water_temp", "Nhiệt độ nước", "Water temperature", "Cel", "°C", 2, (-5, 80), (-2.5, 45), "Temp"),
    _mean("ph", "pH", "pH", "[pH]", "", 2, (0, 14), (2, 12), "pH"),
    _mean("do", "Oxy hòa tan", "Dissolved oxygen", "mg/L", "mg/l", 2, (0, 50), (0, 25), "DO"),
    _mean("do_sat", "Độ bão hòa oxy", "Oxygen saturation", "%", "%", 1, (0, 500), (0, 300), "DO_SAT"),
    _mean("ec", "Độ dẫn điện", "Electrical conductivity", "mS/cm", "mS/cm", 3, (0, 200), (0, 80), "EC"),
    _mean("salinity", "Độ mặn", "Practical salinity", "[PSU]", "‰", 2, (0, 80), (0, 45), "Salinity"),
    _mean("turbidity", "Độ đục", "Turbidity", "[NTU]", "NTU", 1, (0, 4000), (0, 3000), "TUR"),
    _mean("tss", "Tổng chất rắn lơ lửng", "Total suspended solids", "mg/L", "mg/l", 1, (0, 5000), (0, 3000), "TSS"),
    _mean("orp", "Thế oxy hóa khử", "Redox potential", "mV", "mV", 0, (-2000, 2000), (-600, 900), "ORP"),
    _mean("nh4_n", "Amoni (N-NH4)", "Ammonium nitrogen", "mg/L", "mg/l", 2, (0, 1000), (0, 100), "NH4", resolution=3),
    _mean("no3_n", "Nitrat (N-NO3)", "Nitrate nitrogen", "mg/L", "mg/l", 3, (0, 1000), (0, 100), "NO3"),
    _mean("no2_n", "Nitrit (N-NO2)", "Nitrite nitrogen", "mg/L", "mg/l", 3, (0, 100), (0, 20), "NO2"),
    _mean("po4_p", "Phosphat (P-PO4)", "Phosphate phosphorus", "mg/L", "mg/l", 3, (0, 100), (0, 20), "PO4"),
    _mean("cod", "COD", "Chemical oxygen demand", "mg/L", "mg/l", 1, (0, 5000), (0, 1000), "COD"),
    _mean("bod5", "BOD5", "Biochemical oxygen demand", "mg/L", "mg/l", 1, (0, 2000), (0, 500), "BOD5"),
    _mean("toc", "TOC", "Total organic carbon", "mg/L", "mg/l", 1, (0, 1000), (0, 300), "TOC"),
    _mean("chl_a", "Diệp lục a", "Chlorophyll a", "ug/L", "µg/l", 2, (0, 500), (0, 400), "CHLA"),
    _mean("bga", "Tảo lam", "Blue-green algae", "ug/L", "µg/l", 2, (0, 500), (0, 400), "BGA"),
    _mean("water_level", "Mực nước", "Water level", "m", "m", 3, (-20, 100), (-6, 20), "WL"),
    _mean("flow", "Lưu lượng", "Flow", "m3/s", "m³/s", 2, (-50000, 50000), (-40000, 40000), "Flow"),
    _mean("h2s", "H2S", "Hydrogen sulphide", "mg/L", "mg/l", 3, (0, 50), (0, 20), "H2S"),
    _mean("nh3", "Amoniac độc (NH3)", "Toxic ammonia (NH3)", "mg/L", "mg/l", 2, (0, 1000), (0, 50), None, resolution=4),
    _mean("alkalinity", "Độ kiềm", "Alkalinity", "mg/L", "mg CaCO3/l", 0, (0, 1000), (0, 600), "ALK"),
    _mean("tn", "Tổng nitơ", "Total nitrogen", "mg/L", "mg/l", 2, (0, 1000), (0, 100), "TN"),
    _mean("tp", "Tổng phốtpho", "Total phosphorus", "mg/L", "mg/l", 3, (0, 100), (0, 20), "TP"),
    _mean("colour", "Độ màu", "Colour", "mg{Pt}/L", "Pt-Co", 0, (0, 5000), (0, 1000), "Color"),
    _mean("chloride", "Clorua", "Chloride", "mg/L", "mg/l", 1, (0, 100000), (0, 25000), "Cl"),
    _mean("fluoride", "Florua", "Fluoride", "mg/L", "mg/l", 2, (0, 1000), (0, 20), "F"),
    _mean("mercury", "Thủy ngân", "Mercury", "ug/L", "µg/l", 2, (0, 1000), (0, 100), "Hg"),
    _mean("tds", "Tổng chất rắn hòa tan", "Total dissolved solids", "mg/L", "mg/l", 0, (0, 200000), (0, 50000), "TDS"),
    _mean("transparency", "Độ trong", "Transparency", "cm", "cm", 0, (0, 1000), (0, 500), None),
)

AIR: Final = (
    _mean("pm2_5", "Bụi PM2.5", "PM2.5", "ug/m3", "µg/m³", 1, (0, 10000), (0, 1000), "PM2,5"),
    _mean("pm10", "Bụi PM10", "PM10", "ug/m3", "µg/m³", 1, (0, 10000), (0, 2000), "PM10"),
    _mean("so2", "SO2", "Sulphur dioxide", "ug/m3", "µg/m³", 1, (-30, 60000), (-30, 3000), "SO2"),
    _mean("no", "NO", "Nitric oxide", "ug/m3", "µg/m³", 1, (-30, 30000), (-30, 3000), "NO"),
    _mean("no2", "NO2", "Nitrogen dioxide", "ug/m3", "µg/m³", 1, (-30, 40000), (-30, 4000), "NO2"),
    _mean("nox", "NOx", "Nitrogen oxides", "ug/m3", "µg/m³", 1, (-30, 40000), (-30, 6000), "NOx"),
    _mean("co", "CO", "Carbon monoxide", "ug/m3", "µg/m³", 0, (-500, 1200000), (-500, 150000), "CO"),
    _mean("o3", "O3", "Ozone", "ug/m3", "µg/m³", 1, (-30, 20000), (-30, 1200), "O3"),
    _mean("tsp", "Tổng bụi lơ lửng", "Total suspended particles", "ug/m3", "µg/m³", 1, (0, 50000), (0, 5000), "PM"),
    _mean("h2s_air", "H2S (khí)", "Hydrogen sulphide (air)", "ug/m3", "µg/m³", 1, (-30, 30000), (-30, 3000), "H2S"),
    _mean("nh3_air", "NH3 (khí)", "Ammonia (air)", "ug/m3", "µg/m³", 1, (-30, 30000), (-30, 5000), "NH3"),
    _mean("hf", "HF", "Hydrogen fluoride", "ug/m3", "µg/m³", 2, (-10, 10000), (-10, 500), "HF"),
    _mean("hcl", "HCl", "Hydrogen chloride", "ug/m3", "µg/m³", 1, (-30, 30000), (-30, 3000), "HCl"),
    _mean("mercury_vapour", "Hơi thủy ngân", "Mercury vapour", "ug/m3", "µg/m³", 3, (-1, 1000), (-1, 100), "VHg"),
    _mean("o2", "Oxy (khí)", "Oxygen (air)", "%", "%", 2, (0, 100), (0, 25), "O2"),
    _mean("air_temp", "Nhiệt độ không khí", "Air temperature", "Cel", "°C", 1, (-52, 60), (-40, 52), "AT"),
    _mean("humidity", "Độ ẩm", "Relative humidity", "%", "%", 1, (0, 100), (5, 100), "RH"),
    _mean("pressure", "Khí áp", "Air pressure", "hPa", "hPa", 1, (500, 1100), (940, 1050), "P"),
    _mean("wind_speed", "Tốc độ gió", "Wind speed", "m/s", "m/s", 1, (0, 75), (0, 75), "WS"),
    _other(Kind.VECTOR, "wind_dir", "Hướng gió", "Wind direction", "deg", "°", 0, (0, 360), "WD"),
    _other(Kind.SUM, "rain", "Lượng mưa", "Rain", "mm", "mm", 2, (0, 500), "RAIN"),
    _mean("solar", "Bức xạ mặt trời", "Solar radiation", "W/m2", "W/m²", 0, (-20, 2000), (-20, 1500), "SR"),
    _mean("noise", "Tiếng ồn", "Noise", "dB[SPL]", "dBA", 1, (0, 150), (15, 140), "NOISE"),
)

INDICES: Final = (
    _other(Kind.LAST, "vn_aqi", "VN_AQI", "VN_AQI", "1", "", 0, (0, 500)),
    _other(Kind.LAST, "vn_wqi", "WQI tham khảo", "Reference WQI", "1", "", 0, (0, 100)),
)
"""Made by the centre, never measured."""

HOUSEKEEPING: Final = (
    _other(Kind.LAST, "battery_v", "Điện áp ắc quy", "Battery voltage", "V", "V", 2, (0, 60)),
    _state("mains", "Điện lưới", "Mains", Words("mất", "off"), Words("có", "on")),
    _state("door", "Cửa tủ", "Cabinet door", Words("đóng", "closed"), Words("mở", "open")),
    _other(Kind.LAST, "shelter_temp", "Nhiệt độ trong trạm", "Shelter temperature", "Cel", "°C", 1, (-40, 125)),
    _other(Kind.LAST, "signal", "Cường độ sóng", "Signal strength", "dBm", "dBm", 0, (-150, 0)),
    _other(Kind.LAST, "disk_free", "Dung lượng trống", "Disk free", "%", "%", 1, (0, 100)),
    _other(Kind.LAST, "clock_offset", "Lệch đồng hồ", "Clock offset", "ms", "ms", 0, (-1e12, 1e12)),
    _other(Kind.LAST, "bus_errors", "Lỗi đường truyền", "Bus errors", "1", "", 0, (0, 1e9)),
    _other(Kind.LAST, "cpu_temp", "Nhiệt độ bộ xử lý", "Processor temperature", "Cel", "°C", 1, (-40, 125)),
    _other(Kind.LAST, "error_rate", "Lỗi đọc mỗi giờ", "Failed reads an hour", "/h", "/h", 1, (0, 1e6)),
    _other(Kind.LAST, "sample_count", "Số mẫu hợp lệ", "Valid samples", "1", "", 0, (0, 1e6)),
    _other(Kind.LAST, "spool_lost", "Bản tin đã mất", "Messages lost", "1", "", 0, (0, 1e9)),
    _other(Kind.LAST, "spool_depth", "Bản tin chờ gửi", "Messages waiting", "1", "", 0, (0, 1e9)),
)
# fmt: on

BUILT_IN: Final[Mapping[str, Parameter]] = {
    parameter.id: parameter for parameter in (*WATER, *AIR, *INDICES, *HOUSEKEEPING)
}
"""The parameters that no network has to declare, by their ids."""


class Catalogue(Mapping[str, Parameter]):
    """Every parameter that this process knows, by its id: those built in, and those that network files declared.

    What was declared once stays known: rules in force may still name what a newer file has no more. It is replaced
    whole, so a reader in another thread sees the old or the new.
    """

    def __init__(self) -> None:
        self._known: Mapping[str, Parameter] = BUILT_IN

    def declare(self, own: Mapping[str, Parameter], *, in_force: bool) -> None:
        """Add parameters of a network; those of files `in_force` take the place of earlier ones of the same id."""
        self._known = {**self._known, **own, **BUILT_IN} if in_force else {**own, **self._known}

    def __getitem__(self, name: str) -> Parameter:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


CATALOGUE: Final = Catalogue()


def parameter(name: str) -> Parameter:
    """Return a parameter of the catalogue; raises UnknownParameter with the nearest name."""
    found = CATALOGUE.get(name)
    if found is None:
        near = difflib.get_close_matches(name, CATALOGUE, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownParameter(f"unknown parameter {name!r}{hint}")
    return found
