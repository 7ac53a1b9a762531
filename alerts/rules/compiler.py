"""Compiles the rules of the configuration to what evaluation and messages need. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

from alerts.rules.rule import ChannelRule, Measure, MeasureKind, RuleTexts, Validity
from alerts.rules.tide import Tide
from quantrac.config import rules as config
from quantrac.config.network import Network
from quantrac.config.rules import Level, with_lulls
from quantrac.config.stations import Channel, Station
from quantrac.config.tides import TIDE_PHASES, PlaceTide
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.words import Words

ON_OR_OFF: Final = (0.0, 1.0)
"""Span of a parameter that is either."""


def compile_network(network: Network, rules: Iterable[config.Rule] | None = None) -> dict[str, list[ChannelRule]]:
    """Return the rules of each watched channel, by `<station>/<name>`; `rules`: these in place of the network's own."""
    compiled: dict[str, list[ChannelRule]] = {}
    tides = tides_of(network.settings.tides.values())
    for rule in network.rules.values() if rules is None else rules:
        for station in network.stations.values():
            if (there := rule.for_station(station)) is None:
                continue
            for channel in there.channels:
                made = _channel_rule(rule, station, channel, there.levels, tides.get(station.station), network.zone)
                compiled.setdefault(made.channel, []).append(made)
    return compiled


def tides_of(places: Iterable[PlaceTide]) -> dict[str, Tide]:
    """Return the tide of each station that has one."""
    tides: dict[str, Tide] = {}
    for place in places:
        tide = Tide(tuple((name, c.amplitude, c.lag) for name, c in sorted(place.constituents.items())))
        tides |= dict.fromkeys(place.stations, tide)
    return tides


def _channel_rule(
    rule: config.Rule,
    station: Station,
    channel: Channel,
    levels: tuple[Level, ...],
    tide: Tide | None,
    zone: ZoneInfo,
) -> ChannelRule:
    parameter = CATALOGUE[channel.parameter]
    unit, decimals = parameter.label, parameter.decimals
    if rule.watch.measure in ("state", "departure"):
        unit, decimals = "", 0 if rule.watch.measure == "state" else 1
    return ChannelRule(
        rule=rule.name,
        channel=f"{station.station}/{channel.name}",
        parameter=channel.parameter,
        unit=unit,
        decimals=decimals,
        interval_ms=channel.interval_ms,
        levels=with_lulls(levels),
        use=frozenset(rule.use),
        texts=replace(
            texts_of(rule),
            unit=unit,
            decimals=decimals,
            has_value=rule.watch.measure != MeasureKind.STATE.value and parameter.span != ON_OR_OFF,
            measure=measure_words(measure_of(rule.watch)),
            is_vn_aqi=channel.parameter == "vn_aqi" and rule.watch.measure == "value",
        ),
        measure=measure_of(rule.watch),
        validity=validity_of(rule.valid, tide, zone),
        tide=tide,
        zone=zone,
        cameras=cameras_of(rule, station),
    )


def cameras_of(rule: config.Rationale, station: Station) -> tuple[str, ...]:
    """Return the cameras of a station that take a picture when a rule raises an alarm there."""
    return tuple(station.cameras) if rule.is_pictured_at(station.station) else ()


def measure_of(watch: config.Measurand) -> Measure:
    """Return what a rule compares with its limits."""
    return Measure(
        kind=MeasureKind(watch.measure),
        window_ms=watch.over_ms or 0,
        states=frozenset(watch.states),
    )


def measure_words(measure: Measure) -> Words | None:
    """Return what the values of a measure are called; None: they are readings."""
    hours = f"{measure.window_ms / 3_600_000:g}"
    return {
        MeasureKind.CHANGE: Words(f"thay đổi trong {hours} giờ", f"change over {hours} h"),
        MeasureKind.SWING: Words(f"dao động trong {hours} giờ", f"swing over {hours} h"),
        MeasureKind.DEPARTURE: Words("lệch so với bình thường (lần MAD)", "departure from normal, MAD"),
    }.get(measure.kind)


def validity_of(valid: config.Valid, tide: Tide | None, zone: ZoneInfo) -> Validity | None:
    """Return when the limits are in force, by the clocks of a zone; None: always."""
    if valid == config.Valid():
        return None
    hours = valid.hours
    return Validity(
        months=frozenset(valid.months),
        from_minute=0 if hours is None else _minute(hours.start),
        to_minute=24 * 60 if hours is None else _minute(hours.end),
        zone=zone,
        phases=None if valid.tide == TIDE_PHASES else frozenset(valid.tide),
        tide=tide,
    )


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def texts_of(rule: config.Rationale) -> RuleTexts:
    """Return what a rule tells people."""
    return RuleTexts(
        title=rule.title,
        cause=rule.cause,
        consequence=rule.consequence,
        response=rule.response,
        respond_within_ms=rule.respond_within_ms,
        sms=_message(rule.sms),
        sms_cleared=_message(rule.sms_cleared),
        source=rule.source,
        latched=rule.latched,
    )


def _message(message: config.SmsText | None) -> Words | None:
    return None if message is None else Words(message.vi, message.en)
