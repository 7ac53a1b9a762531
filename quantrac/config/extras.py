"""Channels beside a channel: statistics of its samples, and its readings on zero and span gas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from quantrac.config.devices import AnyProfile
from quantrac.config.draft import Draft
from quantrac.config.findings import one_of
from quantrac.config.station_files import CalibrationSpec, ChannelSpec
from quantrac.config.stations import Channel, Extra, ExtraKind, Gas
from quantrac.telemetry.parameters import CATALOGUE, Kind

DAY_MS: Final = 86_400_000
"""Zero and span are checked about once a day; there is a reading only in slots in which they were."""


def extras_of(
    device: str,
    specs: Mapping[str, ChannelSpec],
    channels: Mapping[str, Channel],
    gases: Iterable[Gas],
    draft: Draft,
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
        if kind is Kind.MEAN:
            extras |= {f"{name}_{gas}": Extra(of=name, kind=gas, channel=_channel(channel, gas)) for gas in gases}
    return extras


def gases_of(device: str, spec: CalibrationSpec | None, profile: AnyProfile, draft: Draft) -> dict[Gas, str]:
    """Return by which signals a device says that it measures zero or span gas."""
    gases: tuple[Gas, ...] = ("zero", "span")
    found: dict[Gas, str] = {}
    for gas in gases:
        signal = getattr(spec, gas, None)
        if signal is not None and signal not in profile.signals:
            draft.refuse(("devices", device, "calibration", gas), one_of(signal, profile.signals))
        elif signal is not None:
            found[gas] = signal
    return found


def _channel(of: Channel, kind: ExtraKind) -> Channel:
    beside = of.model_copy(update={"name": f"{of.name}_{kind}", "statistic": kind})
    if kind == "count":
        count = CATALOGUE["sample_count"]
        change = {"parameter": count.id, "unit": count.unit, "span": count.span, "expect": None}
        return beside.model_copy(update=change)
    if kind in ("zero", "span"):
        return beside.model_copy(update={"interval_ms": DAY_MS, "expect": None})
    if kind == "sd":
        return beside.model_copy(update={"span": (0.0, of.span[1] - of.span[0]), "expect": None})
    return beside
