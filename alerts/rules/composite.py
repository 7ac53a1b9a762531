"""A composite rule at one station: its conditions as rules on channels, its expression, and the resulting rule.

Pure. Truth has three values: True, False, and unknown where no reading says anything (Kleene's logic): `all` is false
where one part is false and unknown where none is false but one unknown; `any` the other way round; `not` of unknown is
unknown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.rules.compiler import cameras_of, texts_of, tides_of, validity_of
from alerts.rules.rule import ChannelRule, Measure, MeasureKind, RuleTexts
from alerts.rules.tide import Tide
from quantrac.config.composites import Composite, Condition, Expression
from quantrac.config.network import Network
from quantrac.config.rules import Level, Side
from quantrac.config.stations import Channel, Station
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity

FALSE: Final = np.int8(0)
TRUE: Final = np.int8(1)
UNKNOWN: Final = np.int8(-1)
STALE_AFTER_MS: Final = 15 * 60_000
"""A member whose newest reading lies this much (or three of its intervals) behind the others' is waited for no more."""
CONDITION: Final = "condition"

Truth = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Member:
    """One condition: a rule of one level, without delays, on one channel."""

    name: str
    rule: ChannelRule

    @property
    def level(self) -> Level:
        """Its only level."""
        return self.rule.levels[0]

    @property
    def stale_after_ms(self) -> int:
        """How far it may fall behind the others before it is waited for no more."""
        return max(STALE_AFTER_MS, 3 * self.rule.interval_ms)


@dataclass(frozen=True, slots=True)
class CompositeRule:
    """A composite rule at a station."""

    rule: ChannelRule
    """What it amounts to: a rule over 1 (the expression holds) and 0 (it does not), of no channel."""
    members: tuple[Member, ...]
    when: Expression

    @property
    def station(self) -> str:
        """The station."""
        return self.rule.station

    @property
    def channels(self) -> frozenset[str]:
        """Channels of its members, `<station>/<name>`."""
        return frozenset(member.rule.channel for member in self.members)

    @property
    def memory_ms(self) -> int:
        """How much before the cursor its members look back."""
        return max(member.rule.measure.window_ms + member.rule.interval_ms for member in self.members)

    def truth(self, of: Mapping[str, Truth]) -> Truth:
        """Return the truth of the expression from that of its conditions."""
        return _truth(self.when, of)


def _truth(expression: Expression, of: Mapping[str, Truth]) -> Truth:
    if expression.operator == "is":
        return of[expression.name]
    parts = np.stack([_truth(part, of) for part in expression.parts])
    if expression.operator == "not":
        return np.where(parts[0] == UNKNOWN, UNKNOWN, TRUE - parts[0])
    decisive, other = (FALSE, TRUE) if expression.operator == "all" else (TRUE, FALSE)
    decided, unknown = (parts == decisive).any(axis=0), (parts == UNKNOWN).any(axis=0)
    return np.where(decided, decisive, np.where(unknown, UNKNOWN, other))


def compile_composites(network: Network, composites: Iterable[Composite] | None = None) -> list[CompositeRule]:
    """Return the composite rules of a network, one a rule and station; `composites`: these in place of its own."""
    tides = tides_of(network.settings.tides.values())
    own = network.composites.values() if composites is None else composites
    return [
        made
        for composite in own
        for station in network.stations.values()
        for made in _at_station(composite, station, tides.get(station.station), network.zone)
    ]


def _at_station(composite: Composite, station: Station, tide: Tide | None, zone: ZoneInfo) -> Iterator[CompositeRule]:
    channels = composite.channels_at(station)
    if channels is None:
        return
    members = tuple(
        Member(name, _member(composite, station, condition, channels[name], tide, zone))
        for name, condition in composite.conditions.items()
    )
    rule = ChannelRule(
        rule=composite.name,
        channel=station.station,
        parameter="",
        unit="",
        decimals=0,
        interval_ms=max(member.rule.interval_ms for member in members),
        levels=tuple(sorted(_levels(composite), key=lambda level: level.severity)),
        use=frozenset({Quality.GOOD}),
        texts=replace(texts_of(composite), has_value=False),
        measure=Measure(MeasureKind.COMPOSITE, expression=_word(composite, members)),
        validity=validity_of(composite.valid, tide, zone),
        zone=zone,
        cameras=cameras_of(composite, station),
    )
    yield CompositeRule(rule, members, composite.when)


def _word(composite: Composite, members: Iterable[Member]) -> str:
    """Return a word that changes with any condition, its channel, and the expression."""
    channels = [member.rule.channel for member in members]
    return hashlib.sha256(f"{composite.when} {composite.conditions} {channels}".encode()).hexdigest()[:16]


def _levels(composite: Composite) -> list[Level]:
    return [
        Level(
            name=name,
            side=Side.ABOVE,
            limit=0.5,
            clear=0.5,
            on_delay_ms=spec.on_delay_ms,
            off_delay_ms=spec.off_delay_ms,
            severity=spec.severity,
            to=spec.to,
            breaks_quiet_hours=spec.breaks_quiet_hours,
        )
        for name, spec in composite.holds.items()
    ]


def _member(
    composite: Composite, station: Station, condition: Condition, channel: Channel, tide: Tide | None, zone: ZoneInfo
) -> ChannelRule:
    side = Side.BELOW if condition.below is not None else Side.ABOVE
    limit = condition.below if condition.below is not None else condition.above
    level = Level(CONDITION, side, 0.5 if limit is None else limit, None, 0, 0, Severity.LOW)
    return ChannelRule(
        rule=composite.name,
        channel=f"{station.station}/{channel.name}",
        parameter=channel.parameter,
        unit="",
        decimals=0,
        interval_ms=channel.interval_ms,
        levels=(level,),
        use=frozenset(condition.use),
        texts=RuleTexts(texts_of(composite).title),
        measure=Measure(MeasureKind(condition.measure), condition.over_ms or 0, frozenset(condition.states)),
        tide=tide,
        zone=zone,
    )
