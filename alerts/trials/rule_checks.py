"""Findings on rules that load: a level nobody hears of, a message too long. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final
from zoneinfo import ZoneInfo

from alerts.alarm.change import Purpose
from alerts.rules.compiler import compile_network
from alerts.rules.composite import compile_composites
from alerts.rules.rule import ChannelRule, MeasureKind
from alerts.telling import gsm
from alerts.telling.contact import Addressee
from alerts.telling.routes import Routing
from alerts.telling.stages import Matter, recipients
from alerts.trials.example_message import example_message
from quantrac.config.limits import Averaging, averaging_of
from quantrac.config.network import Network
from quantrac.config.rules import Side
from quantrac.config.stations import Channel, Station
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.words import Words

DAY_MINUTES: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class RuleFinding:
    """Something to look at."""

    rule: str
    where: str
    """Level, channel or text meant."""
    what: str


def findings(network: Network) -> list[RuleFinding]:
    """Return everything worth changing in the rules of a network, each once."""
    compiled = compile_network(network)
    watching = [rule for rules in compiled.values() for rule in rules]
    composed = compile_composites(network)
    routing = Routing.of(network)
    found = list(_overlaps(compiled))
    channels = {f"{s.station}/{c.name}": c for s in network.stations.values() for c in s.all_channels()}
    for rule in [*watching, *(member.rule for composite in composed for member in composite.members)]:
        found += _unreachable(rule, channels[rule.channel].span)
        found += _unexpected(rule, _expected(network.stations[rule.station], channels, rule.channel))
    for rule in [*watching, *(composite.rule for composite in composed)]:
        found += _untold(rule, routing)
        found += _never_in_force(rule)
        found += _too_long(rule, network.stations[rule.station].name, network.zone)
    return list(dict.fromkeys(found))


def _unreachable(rule: ChannelRule, span: tuple[float, float]) -> Iterator[RuleFinding]:
    """Readings beyond the plausible range or the instrument's fail a test: a limit there never rises.

    Unless the rule uses failed ones.
    """
    if rule.measure.kind in (MeasureKind.STATE, MeasureKind.DEPARTURE) or Quality.FAIL in rule.use:
        return
    plausible = CATALOGUE[rule.parameter].plausible
    for what, (low, high) in (("plausible", plausible), ("instrument's", span)):
        if rule.measure.kind is not MeasureKind.VALUE:
            low, high = low - high, high - low  # noqa: PLW2901
        for level in rule.told_levels:
            if not low <= level.limit <= high:
                text = f"limit {level.limit:g} is outside the {what} {low:g} to {high:g}"
                yield RuleFinding(rule.rule, level.name, text)


def _unexpected(rule: ChannelRule, expected: Iterable[tuple[float, float]]) -> Iterator[RuleFinding]:
    """Readings beyond what a station expects are suspect: a rule that uses good ones alone has no reading then."""
    if rule.measure.kind is not MeasureKind.VALUE or Quality.SUSPECT in rule.use:
        return
    for low, high in expected:
        for level in rule.told_levels:
            if level.limit <= low if level.side is Side.BELOW else level.limit >= high:
                text = f"limit {level.limit:g} is not within the expected {low:g} to {high:g}: use [good, suspect]"
                yield RuleFinding(rule.rule, level.name, text)


def _expected(station: Station, channels: Mapping[str, Channel], name: str) -> Iterator[tuple[float, float]]:
    """Yield what is expected of a channel, and of those of which it is a mean: a mean is as suspect as they are."""
    channel = channels[name]
    if channel.expect is not None:
        yield channel.expect
    if averaging_of(channel) is not Averaging.VALUE:
        for source in station.derived[channel.name].inputs.values():
            yield from _expected(station, channels, f"{station.station}/{source}")


def _never_in_force(rule: ChannelRule) -> Iterator[RuleFinding]:
    """Limits that are in force for some hours of a day never last longer than these."""
    if rule.validity is None:
        return
    minutes = (rule.validity.to_minute - rule.validity.from_minute) % DAY_MINUTES or DAY_MINUTES
    for level in rule.told_levels:
        if minutes < DAY_MINUTES and level.on_delay_ms > minutes * 60_000:
            yield RuleFinding(
                rule.rule, level.name, f"on_delay is longer than the {minutes} minutes in force: never rises"
            )


def people_findings(network: Network, contacts: Iterable[Addressee]) -> list[RuleFinding]:
    """Return the levels at stations of which nobody among the contacts would be told, each once."""
    people, routing = list(contacts), Routing.of(network)
    rules = [rule for own in compile_network(network).values() for rule in own]
    rules += [composite.rule for composite in compile_composites(network)]
    found = []
    for rule in rules:
        for level in rule.told_levels:
            matter = Matter(Purpose.RAISED, rule.station, level.severity, frozenset(level.to))
            if not recipients(routing, people, matter):
                found.append(RuleFinding(rule.rule, f"{level.name} at {rule.station}", "no contact would be told"))
    return list(dict.fromkeys(found))


def _overlaps(compiled: dict[str, list[ChannelRule]]) -> Iterator[RuleFinding]:
    """Two rules of one channel that say the same: one event would be told twice."""
    for channel, rules in compiled.items():
        for one, other in combinations(rules, 2):
            same = _limits(one) & _limits(other)
            if same and one.measure == other.measure and one.validity == other.validity:
                side, limit = min(same)
                yield RuleFinding(one.rule, channel, f"{other.rule} has the same limit, {side} {limit:g}")


def _limits(rule: ChannelRule) -> set[tuple[Side, float]]:
    return {(level.side, level.limit) for level in rule.told_levels}


def _untold(rule: ChannelRule, routing: Routing) -> Iterator[RuleFinding]:
    for level in rule.told_levels:
        told = [r for r in routing.routes if r.to in level.to and level.severity in r.severity]
        if not told:
            yield RuleFinding(
                rule.rule, level.name, f"no route tells {', '.join(level.to)} of severity {level.severity.word}"
            )


def _too_long(rule: ChannelRule, station: Words, zone: ZoneInfo) -> Iterator[RuleFinding]:
    """Look at the messages as this station would get them, with values as wide as its limits."""
    for level in rule.told_levels:
        for purpose in (Purpose.RAISED, Purpose.LEVEL, Purpose.CLEARED):
            for language in ("vi", "en"):
                size = gsm.length(example_message(rule, level, purpose, station, zone, language, level.limit))
                if size.segments > 1:
                    yield RuleFinding(
                        rule.rule,
                        f"sms ({purpose.value}, {language})",
                        f"{size.units} characters at {rule.station}, {size.segments} messages; 160 fit one",
                    )
