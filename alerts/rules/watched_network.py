"""Watches the network's files: takes changed ones when they are right and whole, and reports what it refuses.

An editor that saves may leave a file empty, cut short or gone for a moment. What is gone or empty is taken when a
person confirms it; what takes rules, levels or stations away is taken when nothing has changed for a while.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from quantrac.config.composites import Composite
from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.rules import Rule
from quantrac.config.sources import BadSource, read_text
from quantrac.observe import logs, metrics
from quantrac.telemetry.words import Words

SETTLED: Final = timedelta(seconds=5)
"""How long files must stay as they are before what they take away is taken away."""
GONE: Final = Words(
    "{path}: tệp không còn; nội dung cũ vẫn được áp dụng cho đến khi có lại tệp hoặc có người xác nhận bỏ",
    "{path}: is gone; what it said stays in force until it is there again or you confirm it",
)
EMPTY: Final = Words(
    "{path}: tệp trống; nội dung cũ vẫn được áp dụng cho đến khi có lại tệp hoặc có người xác nhận bỏ",
    "{path}: is empty; what it said stays in force until it is there again or you confirm it",
)
RELOADS = metrics.counter("quantrac_alerts_reloads_total", "Times that changed files were read.", ["outcome"])

log = logs.logger(__name__)

Stamp = frozenset[tuple[Path, int, int]]
Texts = Mapping[Path, str]
"""Files of a network that say something."""


@dataclass(frozen=True, slots=True)
class RefusedFiles:
    """Changed files that are not in force."""

    problems: tuple[Words, ...]
    """Each with its file and, where it is known, the line."""
    since: datetime
    is_missing: bool
    """Files are gone or empty, which a person may confirm; else they are wrong."""


class WatchedNetwork:
    """Says when the files of a network have changed; several threads may ask."""

    def __init__(self, root: Path, overlay: str | None = None) -> None:
        """Read the network. Raises ConfigErrors."""
        self._root = root
        self._overlay = overlay
        self._lock = threading.Lock()
        self._stamp, self._texts = _stamp(root), _texts(root)
        self._is_open = False
        """The files have changed, and nothing is decided yet."""
        self._changed_at: datetime | None = None
        self._whole_at: datetime | None = None
        """When nothing was missing for the last time, or files were looked at first."""
        self.network = load_network(root, overlay)
        """The network in force."""
        self.refused: RefusedFiles | None = None
        """What is not in force; None: the files are."""

    def current(self, now: datetime, confirmed_at: datetime | None = None) -> Network:
        """Return the network as its files are now; while they are refused, as they were before."""
        self.changed(now, confirmed_at)
        return self.network

    def changed(self, now: datetime, confirmed_at: datetime | None = None) -> Network | None:
        """Return the network as its files are now; None: nothing that counts has changed, or it is refused.

        What is refused is logged, once; the rules in force stay. `confirmed_at`: when a person last said that files
        that are gone or empty shall be so.
        """
        with self._lock:
            return self._changed(now, confirmed_at)

    def _changed(self, now: datetime, confirmed_at: datetime | None) -> Network | None:
        stamp, self._whole_at = _stamp(self._root), self._whole_at or now
        if stamp != self._stamp:
            self._stamp, self._changed_at, self._is_open = stamp, now, True
        if not self._is_open:
            self._whole_at = now
            return None
        texts = _texts(self._root)
        missing = sorted(self._missing(texts), key=lambda words: words.en)
        if not missing:
            self._whole_at = now
        elif confirmed_at is None or confirmed_at < self._whole_at:
            self._refuse(missing, now, is_missing=True)
            return None
        try:
            network = load_network(self._root, self._overlay)
        except ConfigErrors as errors:
            self._is_open = bool(missing)
            self._refuse((Words(str(one), str(one)) for one in errors.problems), now, is_missing=False)
            return None
        if not missing and _names(self.network) - _names(network) and not self._is_settled(now):
            return None
        return self._take(network, texts, now)

    def _is_settled(self, now: datetime) -> bool:
        return self._changed_at is not None and now - self._changed_at >= SETTLED

    def _missing(self, texts: Texts) -> Iterator[Words]:
        """Yield what is wrong with files that said something; one that only has another name now is not missing."""
        renamed = {text for path, text in texts.items() if path not in self._texts}
        for path, text in self._texts.items():
            if path not in texts and text not in renamed:
                said = EMPTY if path.exists() else GONE
                yield Words(said.vi.format(path=path), said.en.format(path=path))

    def _refuse(self, problems: Iterable[Words], now: datetime, *, is_missing: bool) -> None:
        found = tuple(problems)
        if self.refused is None or self.refused.problems != found:
            self.refused = RefusedFiles(found, now, is_missing)
            RELOADS.labels("refused").inc()
            log.warning("files_refused", problems=[problem.en for problem in found])

    def _take(self, network: Network, texts: Texts, now: datetime) -> Network | None:
        self._is_open, self._texts, self._whole_at, self.refused = False, texts, now, None
        if _content(network) == _content(self.network):
            return None
        self.network = network
        RELOADS.labels("taken").inc()
        log.info("files_taken", rules=len(network.rules))
        return network


def _content(network: Network) -> tuple[object, ...]:
    """Return what alarms and the pages depend on."""
    return network.rules, network.composites, network.settings, network.stations, network.limits


def _names(network: Network) -> set[tuple[str, ...]]:
    """Return the names whose loss a person must confirm: rules, their levels, stations, their channels."""
    names: set[tuple[str, ...]] = set()
    every: tuple[Rule | Composite, ...] = (*network.rules.values(), *network.composites.values())
    for rule in every:
        names |= {("rule", rule.name, level) for level in rule.level_names()}
    for name, station in network.stations.items():
        names |= {("station", name), *(("channel", name, channel.name) for channel in station.all_channels())}
    return names


def _stamp(root: Path) -> Stamp:
    """Return what changes whenever a file is written, added or removed."""
    found = []
    for path in root.rglob("*.yaml"):
        try:
            status = path.stat()
        except OSError:  # removed meanwhile, or a link that leads nowhere: its loading says so
            found.append((path, 0, 0))
        else:
            found.append((path, status.st_mtime_ns, status.st_size))
    return frozenset(found)


def _texts(root: Path) -> Texts:
    """Return the files that say something: more than blanks and comments."""
    found = {}
    for path in root.rglob("*.yaml"):
        try:
            text = read_text(path)
        except BadSource:  # removed meanwhile, or not readable: its loading says so
            continue
        if any(line.partition("#")[0].strip(" -.\t") for line in text.splitlines()):
            found[path] = text
    return found
