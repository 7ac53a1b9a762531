"""The network's files under edit: takes changed files when they are right, refuses them in the log otherwise."""

from __future__ import annotations

from pathlib import Path

from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.observe import logs, metrics

RELOADS = metrics.counter("quantrac_alerts_reloads_total", "Times that changed files were read.", ["outcome"])

log = logs.logger(__name__)

Stamp = frozenset[tuple[Path, int, int]]


class WatchedNetwork:
    """Says when the files of a network have changed."""

    def __init__(self, root: Path, overlay: str | None = None) -> None:
        """Read the network. Raises ConfigErrors."""
        self._root = root
        self._overlay = overlay
        self._stamp = _stamp(root)
        self.network = load_network(root, overlay)
        """The network in force."""

    def current(self) -> Network:
        """Return the network as its files are now; while they are wrong, as they were before."""
        self.changed()
        return self.network

    def changed(self) -> Network | None:
        """Return the network as its files are now; None: nothing that alarms depend on has changed, or it is wrong.

        What is wrong is logged, once a change of the files; the rules in force stay.
        """
        stamp = _stamp(self._root)
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            network = load_network(self._root, self._overlay)
        except ConfigErrors as errors:
            RELOADS.labels("refused").inc()
            wrong = [str(problem) for problem in errors.problems]
            log.warning("files_refused", problems=wrong)
            return None
        if _content(network) == _content(self.network):
            return None
        self.network = network
        RELOADS.labels("taken").inc()
        log.info("files_taken", rules=len(network.rules))
        return network


def _content(network: Network) -> tuple[object, ...]:
    """Return what alarms depend on."""
    return network.rules, network.composites, network.settings, network.stations


def _stamp(root: Path) -> Stamp:
    """Return what changes whenever a file is written, added or removed."""
    found = []
    for path in root.rglob("*.yaml"):
        try:
            status = path.stat()
        except FileNotFoundError:  # removed meanwhile
            continue
        found.append((path, status.st_mtime_ns, status.st_size))
    return frozenset(found)
