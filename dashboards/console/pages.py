"""The contexts of the templates: rows to fill, with titles, units and texts in the reader's language."""

from __future__ import annotations

from typing import Any

from dashboards.console.snapshot import ChannelNow, NetworkNow, StationNow
from dashboards.console.texts import Language, texts
from quantrac.telemetry.parameters import CATALOGUE, HOUSEKEEPING

ORDER = {name: place for place, name in enumerate(CATALOGUE)}
HOUSEKEEPING_IDS = {parameter.id for parameter in HOUSEKEEPING}


def page_context(snapshot: NetworkNow, language: Language, station: str | None = None) -> dict[str, Any]:
    """Return the context of a page; `shown` is the one station it is about, None for the overview or an unknown one."""
    rows = [_station(one, snapshot, language) for one in snapshot.stations]
    return {
        "lang": language,
        "other": "en" if language == "vi" else "vi",
        "t": texts(language),
        "time_zone": snapshot.time_zone,
        "stations": rows,
        "shown": next((row for row in rows if row["id"] == station), None),
    }


def _station(station: StationNow, snapshot: NetworkNow, language: Language) -> dict[str, Any]:
    own = sorted((c for c in snapshot.channels if c.station == station.station), key=_rank)
    channels = [_channel(channel, language) for channel in own]
    return {
        "id": station.station,
        "name": station.name if language == "vi" else station.name_en,
        "measured": [channel for channel in channels if not channel["housekeeping"]],
        "housekeeping": [channel for channel in channels if channel["housekeeping"]],
    }


def _rank(channel: ChannelNow) -> tuple[int, str]:
    """Order by the catalogue, which begins with what people ask for first."""
    return ORDER.get(channel.parameter, len(ORDER)), channel.name


def _channel(channel: ChannelNow, language: Language) -> dict[str, Any]:
    parameter = CATALOGUE.get(channel.parameter)
    if parameter is None:
        title, unit, decimals = channel.name, channel.unit, 2
    else:
        title = parameter.title_vi if language == "vi" else parameter.title_en
        unit, decimals = parameter.label, parameter.decimals
    if channel.name != channel.parameter:
        title = f"{title} ({channel.name})"
    return {
        "id": channel.channel,
        "title": title,
        "unit": unit,
        "decimals": decimals,
        "interval": channel.interval_s,
        "housekeeping": channel.parameter in HOUSEKEEPING_IDS,
        "last": parameter is not None and parameter.kind.value == "last",
    }
