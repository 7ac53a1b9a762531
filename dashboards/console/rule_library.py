"""The rules in force as people read them: what each watches, its levels, whom it tells, what they would get. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from alerts.alarm.change import Purpose
from alerts.rules.compiler import compile_network, measure_of, measure_words
from alerts.rules.composite import compile_composites
from alerts.rules.rule import ChannelRule
from alerts.rules.trend import Trend
from alerts.telling import gsm
from alerts.telling.routes import Routing
from alerts.trials.example_message import beyond, example_message
from alerts.trials.rule_tests import duration
from dashboards.console.numbers import given
from dashboards.console.texts import Language, texts
from dashboards.console.titles import parameter_title, titles
from quantrac.config.composites import Composite
from quantrac.config.network import Network
from quantrac.config.rules import Instead, Level, Rule, Side, levels_on
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.words import counted

AMOUNT: Final = re.compile(r"(\d+)(ms|s|m|h|d)")
DELAYS: Final = ("on_delay", "off_delay")


@dataclass(frozen=True)
class RuleLibrary:
    """The rules of a network, and each at the channels that it watches; of a composite rule at stations."""

    network: Network
    watched: Mapping[str, Sequence[ChannelRule]]
    day: date
    """Local day whose figures of limits are shown."""

    @classmethod
    def of(cls, network: Network, day: date) -> RuleLibrary:
        """Return the library of a network on a local day."""
        watched: dict[str, list[ChannelRule]] = {name: [] for name in (*network.rules, *network.composites)}
        for rules in compile_network(network).values():
            for rule in rules:
                watched[rule.rule].append(rule)
        for composite in compile_composites(network):
            watched[composite.rule.rule].append(composite.rule)
        return cls(network, watched, day)

    def by_channel(self) -> dict[str, list[ChannelRule]]:
        """Return the rules of each watched channel; composite rules watch none."""
        found: dict[str, list[ChannelRule]] = {}
        for name in self.network.rules:
            for rule in self.watched[name]:
                found.setdefault(rule.channel, []).append(rule)
        return found

    def rule(self, name: str) -> Rule | Composite | None:
        """Return a rule by its name."""
        return self.network.rules.get(name) or self.network.composites.get(name)

    def at(self, name: str, stations: frozenset[str] | None) -> list[ChannelRule]:
        """Return a rule at the channels of some stations; None: of all."""
        return [one for one in self.watched.get(name, ()) if stations is None or one.station in stations]

    def stations(self, within: frozenset[str] | None) -> frozenset[str]:
        """Return its stations, of these only; None: all."""
        every = frozenset(self.network.stations)
        return every if within is None else every & within

    def station_name(self, station: str, language: Language) -> str:
        """Return what a station is called."""
        return self.network.stations[station].name.in_language(language)

    def parameters(self, name: str) -> list[str]:
        """Return what a rule watches."""
        rule = self.rule(name)
        if isinstance(rule, Composite):
            return list(dict.fromkeys(condition.parameter for condition in rule.conditions.values()))
        return [] if rule is None else [rule.watch.parameter]


class _Titled(NamedTuple):
    """A channel, as far as its title needs it."""

    channel: str
    name: str
    parameter: str
    device: str | None


def channel_title(library: RuleLibrary, channel: str, language: Language, *, with_station: bool = False) -> str:
    """Return what a channel is called, with its station where that is asked for; of a station its name."""
    station = library.network.stations.get(channel.partition("/")[0])
    if station is None:
        return channel
    devices = {one.name: device for device, own in station.devices.items() for one in own.channel_list()}
    titled = (
        _Titled(f"{station.station}/{one.name}", one.name, one.parameter, devices.get(one.name))
        for one in station.all_channels()
    )
    name, title = station.name.in_language(language), titles(titled, language).get(channel, "")
    return f"{name}: {title}" if title and with_station else title or name


def compared(rule: Rule | Composite, language: Language) -> str:
    """Return what a rule compares with its limits, where it is not the reading itself; else nothing."""
    said = texts(language)
    if isinstance(rule, Composite):
        return said["rule_composite"]
    if rule.watch.measure == "state":
        return f"{said['rule_states']} {', '.join(said[f'state_{state.word}'] for state in rule.watch.states)}"
    found = measure_words(measure_of(rule.watch))
    return "" if found is None else found.in_language(language)


def in_force(rule: Rule | Composite, language: Language) -> str:
    """Return when the limits of a rule are in force, where it is not always; else nothing."""
    said, valid = texts(language), rule.valid
    parts = []
    if len(valid.months) < 12:
        parts.append(f"{said['rule_months']} {', '.join(map(str, valid.months))}")
    if valid.hours is not None:
        parts.append(f"{valid.hours.start} – {valid.hours.end}")
    if len(valid.tide) < 4:
        parts.append(", ".join(said[f"tide_phase_{phase.name.lower()}"] for phase in valid.tide))
    return "; ".join(parts)


def delay_words(ms: int, language: Language) -> str:
    """Return a delay as people say it, such as `10 phút`."""
    amount, unit = _parts(ms)
    return counted(int(amount), texts(language)[f"unit_{unit}"])


def _parts(ms: int) -> tuple[str, str]:
    found = AMOUNT.fullmatch(duration(ms))
    assert found is not None
    return found[1], found[2]


def level_words(rule: ChannelRule, level: Level, language: Language) -> str:
    """Return when a level is reached, such as `dưới 3 mg/l trong 10 phút`."""
    said = texts(language)
    delay = f"{said['rule_for']} {delay_words(level.on_delay_ms, language)}"
    if not rule.texts.has_value:
        return delay
    reached = f"{said[f'rule_{level.side}']} {given(level.limit, language)} {rule.unit}".rstrip()
    return f"{reached}, {delay}" if level.on_delay_ms else reached


def told(network: Network, level: Level, language: Language) -> list[str]:
    """Return the groups that a level tells, with their media, such as `Người nuôi: SMS, thư điện tử`."""
    said, routing, found = texts(language), Routing.of(network), []
    for group in level.to:
        known = network.settings.groups.get(group)
        media = [said[f"medium_{medium}"] for medium, _ in routing.ways({group}, level.severity)]
        title = group if known is None else known.title.in_language(language)
        found.append(f"{title}: {', '.join(media) or said['rule_no_route']}")
    return found


class ShownMessage(NamedTuple):
    """A short message as a telephone shows it."""

    purpose: str
    severity: str
    language: str
    text: str
    units: int
    segments: int
    most: int
    """Characters that fit so many segments."""


def messages(rule: ChannelRule, library: RuleLibrary) -> Iterator[ShownMessage]:
    """Yield what people get of each level, the worst first, and of the end; each in both languages."""
    network, levels = library.network, list(reversed(levels_on(rule.levels, library.day)))
    for purpose, level in [*((Purpose.RAISED, one) for one in levels), *((Purpose.CLEARED, one) for one in levels[:1])]:
        is_rising = (level.side is Side.ABOVE) != (purpose is Purpose.CLEARED)
        for language in ("vi", "en"):
            text = example_message(
                rule, level, purpose, network.stations[rule.station].name, network.zone, language,
                beyond(level, purpose), Trend.RISING if is_rising else Trend.FALLING,
            )  # fmt: skip
            size = gsm.length(text)
            single = size.segments == 1
            most = gsm.SINGLE_SEPTETS if single else size.segments * gsm.PART_SEPTETS
            yield ShownMessage(purpose.value, level.severity.word, language, text, size.units, size.segments, most)


class TrialField(NamedTuple):
    """A limit or a delay that may be tried otherwise."""

    key: str
    """Behind the rule's name, such as `below.act.limit`."""
    word: str
    """`limit`, `clear`, `on_delay`, `off_delay`."""
    amount: str
    unit: str
    """Of a delay `s`, `m`, `h`, `d`; of a limit as people write it."""
    is_inherited: bool
    """The rule says it for all its stations, and these have it from there."""

    @property
    def is_delay(self) -> bool:
        """Whether it is a time."""
        return self.word in DELAYS


class TrialLevel(NamedTuple):
    """One level, or one condition, with what may be tried."""

    title: str
    severity: str
    """Empty: it is a condition of a composite rule."""
    fields: list[TrialField]


class TrialGroup(NamedTuple):
    """The levels at some stations."""

    stations: list[str]
    levels: list[TrialLevel]


def trial_groups(library: RuleLibrary, name: str, language: Language) -> list[TrialGroup]:
    """Return what may be tried of a rule, by the stations where it holds; stations with levels of their own apart."""
    rule = library.rule(name)
    if isinstance(rule, Composite):
        stations = [one.station for one in library.watched[name]]
        return [TrialGroup(stations, [*_conditions(rule, language), *_holds(rule)])]
    if rule is None:
        return []
    groups: dict[int | None, list[str]] = {}
    for station in dict.fromkeys(one.station for one in library.watched[name]):
        own = library.network.stations[station]
        place = next((number for number, part in enumerate(rule.instead) if part.selects(own)), None)
        groups.setdefault(place, []).append(station)
    return [
        TrialGroup(stations, list(_levels(rule, number, library.day, language)))
        for number, stations in sorted(groups.items(), key=lambda one: -1 if one[0] is None else one[0])
    ]


def _levels(rule: Rule, number: int | None, day: date, language: Language) -> Iterator[TrialLevel]:
    """Yield the levels of a rule, or of the part of `instead` of that number."""
    instead = Instead() if number is None else rule.instead[number]
    unit = "" if rule.watch.measure in ("state", "departure") else CATALOGUE[rule.watch.parameter].label
    for side in Side:
        base, own = getattr(rule, side) or {}, getattr(instead, side)
        for name in base if own is None else own:
            part = None if own is None else own[name]
            prefix = f"{side}.{name}" if part is None else f"instead.{number}.{side}.{name}"
            fields, severity = [], None if part is None else part.severity
            for word in ("limit", "clear", *DELAYS):
                attribute = f"{word}_ms" if word in DELAYS else word
                value = None if part is None else getattr(part, attribute)
                inherited = part is not None and value is None
                value = getattr(base[name], attribute) if value is None else value
                value = rule.figure_on(side, value, day) if word == "limit" else value
                fields.append(_field(f"{prefix}.{word}", word, value, unit, inherited=inherited))
            severity = base[name].severity if severity is None else severity
            yield TrialLevel(texts(language)[f"rule_{side}"], severity.word, fields)


def _conditions(rule: Composite, language: Language) -> Iterator[TrialLevel]:
    for name, condition in rule.conditions.items():
        side = "below" if condition.below is not None else "above"
        value = getattr(condition, side)
        if value is None:
            continue
        found = measure_words(measure_of(condition))
        measured = "" if found is None else f", {found.in_language(language)}"
        title = f"{parameter_title(condition.parameter, language)}{measured}, {texts(language)[f'rule_{side}']}"
        unit = "" if condition.measure == "departure" else CATALOGUE[condition.parameter].label
        yield TrialLevel(title, "", [_field(f"conditions.{name}.{side}", "limit", value, unit, inherited=False)])


def _holds(rule: Composite) -> Iterator[TrialLevel]:
    for name, level in rule.holds.items():
        fields = [
            _field(f"holds.{name}.{word}", word, getattr(level, f"{word}_ms"), "", inherited=False) for word in DELAYS
        ]
        yield TrialLevel("", level.severity.word, fields)


def _field(key: str, word: str, value: float, unit: str, *, inherited: bool) -> TrialField:
    amount, unit = _parts(round(value)) if word in DELAYS else (f"{Decimal(f'{value:.10g}'):f}", unit)
    return TrialField(key, word, amount, unit, inherited)
