"""What can be wrong with rules that load: nobody is told, a message too long, a rule that watches nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Final

from alerts.channels import gsm
from alerts.evaluating.trend import Trend
from alerts.rules.compiling import compile_network, words_of
from alerts.rules.rule import ChannelRule, Kind, Level, Words
from alerts.telling import texts
from alerts.telling.routing import Routing
from alerts.telling.texts import Notice, Purpose
from quantrac.config.network import Network
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import Quality

LONGEST_TIME: Final = datetime(2026, 12, 28, 15, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at."""

    rule: str
    where: str
    """Level, channel or text meant."""
    what: str


def findings(network: Network) -> list[Finding]:
    """Return everything worth changing in the rules of a network, each once."""
    compiled = compile_network(network)
    watching = [rule for rules in compiled.values() for rule in rules]
    unused = sorted(set(network.rules) - {rule.rule for rule in watching})
    found = [Finding(rule, "watch", "no station has a channel that it watches") for rule in unused]
    routing = Routing.of(network)
    found += _overlaps(compiled)
    for rule in watching:
        found += _untold(rule, routing)
        found += _unreachable(rule)
        found += _too_long(rule, words_of(network.stations[rule.station].name))
    return list(dict.fromkeys(found))


def _unreachable(rule: ChannelRule) -> Iterator[Finding]:
    """Readings beyond the plausible range fail a test: a limit there never rises unless the rule uses failed ones."""
    low, high = CATALOGUE[rule.parameter].plausible
    if rule.measure.kind is Kind.STATE or Quality.FAIL in rule.use:
        return
    if rule.measure.kind is not Kind.VALUE:
        low, high = low - high, high - low
    for level in rule.levels:
        if not low <= level.limit <= high:
            yield Finding(rule.rule, level.name, f"limit {level.limit:g} is outside the plausible {low:g} to {high:g}")


def _overlaps(compiled: dict[str, list[ChannelRule]]) -> Iterator[Finding]:
    """Two rules of one channel that say the same: one event would be told twice."""
    for channel, rules in compiled.items():
        for one, other in combinations(rules, 2):
            same = {(level.side, level.limit) for level in one.levels} & {(v.side, v.limit) for v in other.levels}
            if same and one.measure == other.measure and one.validity == other.validity:
                side, limit = min(same)
                yield Finding(one.rule, channel, f"{other.rule} has the same limit, {side} {limit:g}")


def _untold(rule: ChannelRule, routing: Routing) -> Iterator[Finding]:
    for level in rule.levels:
        told = [r for r in routing.routes if r.to in level.to and level.severity.word in r.severity]
        if not told:
            yield Finding(
                rule.rule, level.name, f"no route tells {', '.join(level.to)} of severity {level.severity.word}"
            )


def _too_long(rule: ChannelRule, station: Words) -> Iterator[Finding]:
    """Look at the messages as this station would get them, with values as wide as its limits."""
    for level in rule.levels:
        for purpose in (Purpose.RAISED, Purpose.LEVEL, Purpose.CLEARED):
            for language in ("vi", "en"):
                size = gsm.length(texts.sms(_example(rule, level, purpose, station), language))
                if size.segments > 1:
                    yield Finding(
                        rule.rule,
                        f"sms ({purpose.value}, {language})",
                        f"{size.units} characters at {rule.station}, {size.segments} messages; 160 fit one",
                    )


def _example(rule: ChannelRule, level: Level, purpose: Purpose, station: Words) -> Notice:
    return Notice(
        purpose=purpose,
        alarm_id=1,
        severity=level.severity,
        station=station,
        time=LONGEST_TIME,
        raised_at=LONGEST_TIME,
        texts=rule.texts,
        channel=rule.channel,
        value=level.limit,
        limit=level.limit,
        side=level.side,
        unit=rule.unit,
        decimals=rule.decimals,
        trend=Trend.FALLING,
    )
