"""The events by which pages hear of the network: all of it at first, then what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from dashboards.console.hub import Hub, Part, event
from dashboards.console.present_alarms import AlarmNow
from dashboards.console.snapshot import ChannelNow, NetworkNow, StationNow

CHANNEL_COLUMNS: Final = ("station", "name", "t", "value", "state", "quality", "tests", "derived", "alarm", "limit")
"""What pages show of a channel; the rest stands in them already."""

Now = TypeVar("Now", "ChannelNow", "StationNow")


def tell(hub: Hub, before: NetworkNow | None, after: NetworkNow, part: Part = None) -> None:
    """Publish a part of the network, and what is new in it; to pages that show no values of channels, all but those."""
    whole = everything(after)
    news = changed(before, after) if before is not None and same_rows(before, after) else None
    for values in (True, False):
        page = event("network", _told(whole, values))
        change = page if news is None else event("change", _told(news, values))
        hub.publish_threadsafe(page, change, part, values=values)


def _told(data: dict[str, Any], values: bool) -> dict[str, Any]:
    return data if values else {name: one for name, one in data.items() if name != "channels"}


def everything(network: NetworkNow) -> dict[str, Any]:
    """Return what a page must hear to show the network. Pure."""
    values = {name: getattr(network, name) for name in NetworkNow.__struct_fields__}
    return {**values, "channels": _columns(network.channels), "alarms": _brief(network.alarms)}


def changed(before: NetworkNow, after: NetworkNow) -> dict[str, Any]:
    """Return what a page that shows `before` must hear to show `after`; lists hold only what differs. Pure."""
    difference: dict[str, Any] = {"now": after.now, "freshness": after.freshness}
    if stations := _news(before.stations, after.stations):
        difference["stations"] = stations
    if channels := _news(before.channels, after.channels):
        difference["channels"] = _columns(channels)
    if (before.alarms, before.standing, before.waiting) != (after.alarms, after.standing, after.waiting):
        difference |= {"alarms": _brief(after.alarms), "standing": after.standing, "waiting": after.waiting}
    for name in ("aside", "refused"):
        if getattr(before, name) != getattr(after, name):
            difference[name] = getattr(after, name)
    return difference


def _news(before: Sequence[Now], after: Sequence[Now]) -> list[Now]:
    return [new for old, new in zip(before, after, strict=True) if old != new]


def _columns(channels: Sequence[ChannelNow]) -> dict[str, list[Any]]:
    """Return what pages show, column by column, where like stands beside like: 6,000 channels are 17 kB, not 50."""
    return {name: [getattr(one, name) for one in channels] for name in CHANNEL_COLUMNS}


def _brief(alarms: Iterable[AlarmNow]) -> list[AlarmNow]:
    """Return alarms with their titles alone of all their texts: the page of an alarm has the others."""
    return [msgspec.structs.replace(one, texts={"title": one.texts.get("title")}) for one in alarms]


def same_rows(before: NetworkNow, after: NetworkNow) -> bool:
    """Return whether both have the same stations and channels, so that a difference can be told row by row."""
    return [s.station for s in before.stations] == [s.station for s in after.stations] and [
        c.channel for c in before.channels
    ] == [c.channel for c in after.channels]
