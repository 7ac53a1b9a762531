"""What can be wrong with rules that load: nobody is told, a message too long, a rule that watches nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from alerts import gsm, texts
from alerts.compiling import compile_rules, words_of
from alerts.routing import Routing
from alerts.rule import ChannelRule, Level, Words
from alerts.texts import Notice, Purpose
from alerts.trend import Trend
from quantrac.config.network import Network

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
    compiled = compile_rules(network.rules.values(), network.stations.values())
    watching = [rule for rules in compiled.values() for rule in rules]
    unused = sorted(set(network.rules) - {rule.rule for rule in watching})
    found = [Finding(rule, "watch", "no station has a channel that it watches") for rule in unused]
    routing = Routing.of(network)
    for rule in watching:
        found += _untold(rule, routing)
        found += _too_long(rule, words_of(network.stations[rule.station].name))
    return list(dict.fromkeys(found))


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
