"""Titles of channels for people: what is measured, and what tells it apart from others of its station."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from dashboards.console.texts import Language
from quantrac.telemetry.parameters import CATALOGUE

_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "hour": ("theo giờ", "hourly"),
    "day": ("theo ngày", "daily"),
    "min": ("nhỏ nhất", "lowest"),
    "max": ("lớn nhất", "highest"),
    "sd": ("độ lệch chuẩn", "standard deviation"),
    "count": ("số mẫu", "samples"),
    "zero": ("điểm không", "zero gas"),
    "span": ("điểm chuẩn", "span gas"),
}
"""Last word of a channel's name → what it is (Vietnamese, English)."""
_HOURS: Final = re.compile(r"(\d+)h")


class Titled(Protocol):
    """A channel, as far as its title needs it."""

    @property
    def channel(self) -> str:
        """Such as st-my-thanh/do."""

    @property
    def name(self) -> str:
        """Behind the station."""

    @property
    def parameter(self) -> str:
        """What it measures."""

    @property
    def device(self) -> str | None:
        """What measures it."""


_DIRECTIONS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def one_way(text: str) -> str:
    """Return what a person wrote, without marks of direction: one that is not ended would mirror what follows it."""
    return _DIRECTIONS.sub("", text)


def titles(channels: Iterable[Titled], language: Language) -> dict[str, str]:
    """Return the title of each channel of one station. Pure.

    The parameter, and what the name says of a mean or a statistic. Where two would have the same title, the one that is
    not named like its parameter is told by what its device measures first, or by its device; what a station counts of
    its devices by theirs.
    """
    own = list(channels)
    plain = {channel.channel: _title(channel, language) for channel in own}
    often = Counter(plain.values())
    firsts: dict[str | None, str] = {}
    for channel in own:
        if channel.name == channel.parameter and channel.device is not None:
            firsts.setdefault(channel.device, parameter_title(channel.parameter, language))
    for channel in own:
        title = plain[channel.channel]
        if often[title] > 1 and channel.device is None and channel.name.endswith(f"_{channel.parameter}"):
            plain[channel.channel] = f"{title} ({channel.name.removesuffix(f'_{channel.parameter}')})"
        elif often[title] > 1 and channel.name != channel.parameter:
            first = firsts.get(channel.device, channel.device or channel.name)
            beside = first[:1].lower() + first[1:] if first[1:2].islower() else first
            where = f"đầu đo {beside}" if language == "vi" else f"probe of {beside}"
            plain[channel.channel] = f"{title} ({where})"
    return plain


def _title(channel: Titled, language: Language) -> str:
    title = parameter_title(channel.parameter, language)
    kind = _kind(channel.name.rpartition("_")[2], language) if channel.name != channel.parameter else ""
    return f"{title}, {kind}" if kind else title


def _kind(word: str, language: Language) -> str:
    if (hours := _HOURS.fullmatch(word)) is not None:
        return f"trung bình {hours[1]} giờ" if language == "vi" else f"mean of {hours[1]} h"
    return _KINDS.get(word, ("", ""))[language == "en"]


def parameter_title(parameter: str, language: Language) -> str:
    """Return what a parameter is called."""
    known = CATALOGUE.get(parameter)
    if known is None:
        return parameter
    return known.title_vi if language == "vi" else known.title_en
