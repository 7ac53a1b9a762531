"""How fields look: names and colours of values, thresholds, links, the titles of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

from quantrac.telemetry.parameters import Parameter

Names: TypeAlias = Mapping[str | int, tuple[str, str]]
"""What a value is called, in Vietnamese and English, and its colour."""
SEVERITIES: Final[Names] = {
    "low": ("Lưu ý / Low", "blue"),
    "medium": ("Nguy cơ / Medium", "yellow"),
    "high": ("Nghiêm trọng / High", "orange"),
    "critical": ("Khẩn cấp / Critical", "red"),
}
ALARM_STATES: Final[Names] = {
    "unacknowledged": ("Chưa nhận / Unacknowledged", "red"),
    "acknowledged": ("Đã nhận / Acknowledged", "orange"),
    "latched": ("Đã về, chờ đặt lại / Latched", "orange"),
    "shelved": ("Tạm gác / Shelved", "blue"),
    "out of service": ("Ngừng vận hành / Out of service", "blue"),
    "suppressed by design": ("Do cảnh báo khác / Suppressed by design", "blue"),
    "returned": ("Đã về, chưa nhận / Returned", "green"),
    "cleared": ("Đã hết / Cleared", "green"),
}
QUALITIES: Final[Names] = {
    1: ("Tốt / Good", "green"),
    2: ("Chưa đánh giá / Not evaluated", "blue"),
    3: ("Nghi ngờ / Suspect", "yellow"),
    4: ("Không đạt / Fail", "red"),
    5: ("Không đủ / Incomplete", "orange"),
    9: ("Thiếu / Missing", "#808080"),
}
YES_NO: Final[Names] = {"true": ("Có / Yes", "green"), "false": ("Không / No", "red")}
CONDITIONS: Final[Names] = {
    0: ("Bình thường / Well", "green"),
    **dict(enumerate(SEVERITIES.values(), start=1)),
    5: ("Mất kết nối / Offline", "#808080"),
}


def override(**properties: object) -> list[DynamicConfigValue]:
    """Return properties of a field; `custom_width` is `custom.width`."""
    return [
        DynamicConfigValue(id_val=name.replace("custom_", "custom."), value=given) for name, given in properties.items()
    ]


def named(words: Names) -> list[DynamicConfigValue]:
    """Return the properties of a field whose values have names and colours: text and colour, never colour alone."""
    results = {
        str(value): ValueMappingResult(text=text, color=colour, index=place)
        for place, (value, (text, colour)) in enumerate(words.items())
    }
    return override(mappings=[ValueMap(options=results)], custom_cellOptions={"type": "color-text"})


def linked(title: str, url: str) -> list[DynamicConfigValue]:
    """Return the properties of a column whose values lead somewhere; `${__data.fields.id}` is the row's column `id`."""
    return override(links=[{"title": title, "url": url, "targetBlank": url.startswith("${console}")}])


def thresholds(steps: Sequence[tuple[float | None, str]]) -> ThresholdsConfig:
    """Return colours from values up; the first value is None: from the very bottom."""
    found = [Threshold(value=value, color=colour) for value, colour in steps]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)


def fixed(colour: str) -> dict[str, str]:
    """Return the property `color` of a curve that has one colour of its own."""
    return {"mode": "fixed", "fixedColor": colour}


def bilingual(parameter: Parameter) -> str:
    """Return a parameter's titles, Vietnamese and English, once where they are the same."""
    return " / ".join(dict.fromkeys((parameter.title_vi, parameter.title_en)))
