"""From the rules of the configuration to what evaluation and people need. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from alerts.rules.rule import ChannelRule, Kind, Level, Measure, RuleTexts, Severity, Side, Validity, Words
from alerts.telling.texts import LOCAL
from quantrac.config import rules as config
from quantrac.config.fields import Text
from quantrac.config.stations import Channel, Station
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import Quality


def compile_rules(rules: Iterable[config.Rule], stations: Iterable[Station]) -> dict[str, list[ChannelRule]]:
    """Return the rules of each watched channel, by `<station>/<name>`."""
    compiled: dict[str, list[ChannelRule]] = {}
    places = list(stations)
    for rule in rules:
        for station in places:
            for channel_rule in _at_station(rule, station):
                compiled.setdefault(channel_rule.channel, []).append(channel_rule)
    return compiled


def _at_station(rule: config.Rule, station: Station) -> Iterator[ChannelRule]:
    there = rule.for_station(station)
    if there is None:
        return
    levels = _levels(there.below, Side.BELOW) + _levels(there.above, Side.ABOVE)
    for channel in there.channels:
        yield _channel_rule(rule, station, channel, tuple(sorted(levels, key=_badness)))


def _channel_rule(rule: config.Rule, station: Station, channel: Channel, levels: tuple[Level, ...]) -> ChannelRule:
    parameter = CATALOGUE[channel.parameter]
    is_state = rule.watch.measure == "state"
    return ChannelRule(
        rule=rule.name,
        channel=f"{station.station}/{channel.name}",
        parameter=channel.parameter,
        unit="" if is_state else parameter.label,
        decimals=0 if is_state else parameter.decimals,
        interval_ms=channel.interval_ms,
        levels=levels,
        use=frozenset(Quality[word.upper()] for word in rule.use),
        texts=texts_of(rule),
        measure=measure_of(rule.watch),
        validity=validity_of(rule.valid),
    )


def measure_of(watch: config.Watch) -> Measure:
    """Return what a rule compares with its limits."""
    return Measure(
        kind=Kind(watch.measure),
        window_ms=watch.over_ms or 0,
        states=frozenset(watch.states),
    )


def validity_of(valid: config.Valid) -> Validity | None:
    """Return when the limits are in force; None: always."""
    if valid == config.Valid():
        return None
    offset = datetime(2026, 1, 1, tzinfo=LOCAL).utcoffset()  # Vietnam has had no summer time since 1975
    assert offset is not None
    hours = valid.hours
    return Validity(
        months=frozenset(valid.months),
        from_minute=0 if hours is None else _minute(hours.start),
        to_minute=24 * 60 if hours is None else _minute(hours.end),
        offset_ms=offset // timedelta(milliseconds=1),
    )


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def texts_of(rule: config.Rule) -> RuleTexts:
    """Return what a rule tells people."""
    return RuleTexts(
        title=words_of(rule.title),
        cause=_optional(rule.cause),
        consequence=_optional(rule.consequence),
        response=_optional(rule.response),
        respond_within_ms=rule.respond_within_ms,
        sms=_message(rule.sms),
        sms_cleared=_message(rule.sms_cleared),
        source=rule.source,
    )


def _levels(levels: tuple[config.Level, ...], side: Side) -> list[Level]:
    return [
        Level(
            name=level.name,
            side=side,
            limit=level.limit,
            clear=level.clear,
            on_delay_ms=level.on_delay_ms,
            off_delay_ms=level.off_delay_ms,
            severity=Severity.from_word(level.severity),
            to=level.to,
            breaks_quiet_hours=level.breaks_quiet_hours,
        )
        for level in levels
    ]


def _badness(level: Level) -> tuple[Severity, float]:
    """Order of levels: by severity; of two equal ones the farther limit is the worse."""
    return level.severity, level.limit if level.side is Side.ABOVE else -level.limit


def words_of(text: Text) -> Words:
    """Return a text of the configuration."""
    return Words(text.vi, text.en)


def _optional(text: Text | None) -> Words | None:
    return None if text is None else words_of(text)


def _message(message: config.Message | None) -> Words | None:
    return None if message is None else Words(message.vi, message.en)
