"""Series beside a channel: how many samples its slot had, the least and the greatest, their standard deviation."""

from __future__ import annotations

from collections.abc import Mapping

from quantrac.config.draft import Draft
from quantrac.config.station_files import ChannelSpec
from quantrac.config.stations import Channel, Extra, ExtraKind
from quantrac.telemetry.parameters import CATALOGUE, Kind


def extras_of(
    device: str, specs: Mapping[str, ChannelSpec], channels: Mapping[str, Channel], draft: Draft
) -> dict[str, Extra]:
    """Return the extra series that a device's channels ask for, by name; what does not fit becomes a finding."""
    extras: dict[str, Extra] = {}
    for name, channel in channels.items():
        kind = CATALOGUE[channel.parameter].kind
        for place, statistic in enumerate(specs[name].statistics):
            if kind is not Kind.MEAN and statistic != "count":
                path = ("devices", device, "channels", name, "statistics", place)
                draft.refuse(path, f"found {statistic!r} for {channel.parameter} (kind {kind}), allowed for it: count")
                continue
            extra = Extra(of=name, kind=statistic, channel=_channel(channel, statistic))
            extras[extra.channel.name] = extra
    return extras


def _channel(of: Channel, kind: ExtraKind) -> Channel:
    name = f"{of.name}_{kind}"
    if kind == "count":
        count = CATALOGUE["sample_count"]
        change = {"parameter": count.id, "unit": count.unit, "span": count.span, "expect": None}
    elif kind == "sd":
        change = {"span": (0.0, of.span[1] - of.span[0]), "expect": None}
    else:
        change = {}
    return of.model_copy(update={"name": name, "statistic": kind, **change})
