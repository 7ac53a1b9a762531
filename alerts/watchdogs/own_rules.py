"""Rules of the centre itself, which no rule file has: their names, and what network.yaml says of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alerts.watchdogs import (
    books,
    breaches,
    calibration_due,
    carriers,
    clocks,
    feed_lag,
    files,
    ministry_files,
    no_data,
    silence,
)
from quantrac.config.network import Network
from quantrac.telemetry.severity import Severity

OWN_RULES: Final = frozenset(
    {
        silence.RULE,
        no_data.RULE,
        books.RULE,
        breaches.RULE,
        clocks.RULE,
        feed_lag.RULE,
        files.RULE,
        ministry_files.RULE,
        ministry_files.REFUSED_RULE,
        calibration_due.RULE,
        *carriers.RULES,
    }
)
BREAK_QUIET_HOURS: Final = frozenset({breaches.RULE, feed_lag.RULE, *carriers.RULES})
BY_DAY: Final = frozenset({calibration_due.RULE, ministry_files.RULE, ministry_files.REFUSED_RULE})


@dataclass(frozen=True, slots=True)
class OwnRule:
    """What the network asks for of a rule of the centre."""

    severity: Severity
    to: tuple[str, ...]
    breaks_quiet_hours: bool
    by_day: bool
    """It can wait for the morning."""


def own_rules(network: Network) -> Mapping[str, OwnRule]:
    """Return the rules that network.yaml asks for, by name."""
    says = network.settings
    plans = {
        silence.RULE: says.silence,
        no_data.RULE: None if says.silence is None else says.silence.channels,
        books.RULE: says.books,
        breaches.RULE: says.breaches,
        clocks.RULE: says.clocks,
        feed_lag.RULE: says.feed,
        files.RULE: files.plan_of(network),
        ministry_files.RULE: says.ministry,
        ministry_files.REFUSED_RULE: says.ministry,
        calibration_due.RULE: says.calibrations,
        **dict.fromkeys(carriers.RULES, says.carriers),
    }
    return {
        name: OwnRule(plan.severity, plan.to, name in BREAK_QUIET_HOURS, name in BY_DAY)
        for name, plan in plans.items()
        if plan is not None
    }
