"""The rule files as alerts read them: the library for its pages, and which lines stand on a channel's chart."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from alerts.rules.rule import ChannelRule, MeasureKind
from alerts.rules.watched_network import WatchedNetwork
from dashboards.console.rule_library import RuleLibrary
from quantrac.config.network import Network
from quantrac.config.rules import levels_on
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.words import Words

LOOK_EVERY_S: Final = 10.0

log = logger(__name__)


class LimitLine(NamedTuple):
    """A level of a rule that compares readings themselves with a limit."""

    limit: float
    """In the channel's unit."""
    is_above: bool
    """The alarm lies above it."""
    severity: str
    title: Words
    always: bool
    """False: only in some months, hours or phases of the tide."""

    def shown(self, language: str) -> dict[str, Any]:
        """Return it as charts take it."""
        title = self.title.in_language(language)
        return {
            "limit": self.limit, "above": self.is_above, "severity": self.severity, "title": title,
            "always": self.always,
        }  # fmt: skip


def lines_of(rules: Sequence[ChannelRule], day: date) -> list[LimitLine]:
    """Return the lines of a channel's rules on a local day, the mildest first; of equal limits the worst. Pure.

    Rules of change, swing, state and departure compare something else than what the chart shows.
    """
    found: dict[tuple[float, bool], LimitLine] = {}
    compared = (rule for rule in rules if rule.measure.kind is MeasureKind.VALUE)
    levels = [(level, rule) for rule in compared for level in levels_on(rule.levels, day)]
    for level, rule in sorted(levels, key=lambda one: one[0].severity):
        is_above = level.side == "above"
        found[level.limit, is_above] = LimitLine(
            level.limit, is_above, level.severity.word, rule.texts.title, rule.validity is None
        )
    return list(found.values())


class RuleBook:
    """The library and the lines of every channel, kept up with the files by a thread of its own.

    Files that cannot be read, now or from the beginning, take nothing away but what they would have given.
    """

    def __init__(self, root: Path, overlay: str | None) -> None:
        self._root, self._overlay = root, overlay
        self._watched: WatchedNetwork | None = None
        self._lines: Mapping[str, list[LimitLine]] = {}
        self._library: RuleLibrary | None = None
        self._why = ""

    def library(self) -> RuleLibrary | None:
        """Return the rules in force; None: the files were never right."""
        return self._library

    def of(self, channel: str) -> list[LimitLine]:
        """Return the lines of a channel."""
        return self._lines.get(channel, [])

    def follow(self, clock: Callable[[], datetime], stop: threading.Event) -> None:
        """Read the files, and whenever they change, until stopped."""
        kept: Network | None = None
        while not stop.is_set():
            self.look(clock())
            if self._library is not None and self._library.network is not kept:
                kept = self._library.network
                gc.unfreeze()
                gc.collect()
                gc.freeze()  # it lasts: collections of garbage that looked through it held all pages up for 0.1 s
            stop.wait(LOOK_EVERY_S)

    def look(self, now: datetime) -> None:
        """Take the files as they are, if they are right and they or the local day have changed."""
        is_changed = True
        try:
            if self._watched is None:
                self._watched = WatchedNetwork(self._root, self._overlay)
            else:
                is_changed = self._watched.changed(now) is not None
        except (QuantracError, OSError) as error:
            if str(error) != self._why:
                self._why = str(error)
                log.warning("limits_unread", why=self._why)
            return
        network = self._watched.network
        day = now.astimezone(network.zone).date()
        if is_changed or self._library is None or self._library.day != day:
            self._library = RuleLibrary.of(network, day)
            own = self._library.by_channel()
            self._lines = {channel: lines for channel, rules in own.items() if (lines := lines_of(rules, day))}
