"""A station under construction, with its tree, so that every problem found later still has its line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from quantrac.config.devices import AnyProfile
from quantrac.config.documents import Key, Tree, follow, key_place
from quantrac.config.findings import Findings
from quantrac.config.model_files import ModelFiles
from quantrac.config.network import Defaults
from quantrac.telemetry.parameters import BUILT_IN, Parameter


@dataclass(frozen=True)
class Profiles:
    """The device profiles that a station may name."""

    good: Mapping[str, AnyProfile]
    """Those that were read and are right."""
    trees: Mapping[str, Tree]
    broken: frozenset[str]
    """Those whose files hold mistakes: devices that use them are not resolved, and not reported for it."""
    names: Collection[str]
    """All that may be named, also those that were not read since no station names them."""


@dataclass(frozen=True)
class Draft:
    """A station while it is resolved: where its values stand, and what it may refer to."""

    tree: Tree
    profiles: Profiles
    defaults: Defaults
    zone: ZoneInfo
    findings: Findings
    quality: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Limits of quality tests that the network has for parameters."""
    trained: Mapping[str, str] = field(default_factory=dict)
    """Files of the trained models that the network has for parameters."""
    models: ModelFiles = field(default_factory=ModelFiles)
    catalogue: Mapping[str, Parameter] = field(default_factory=lambda: BUILT_IN)
    """The parameters that a channel may have: those built in and the network's own."""
    receivers: Collection[str] = ()
    """Who may be sent files for the ministry: the names of network.yaml."""
    whole: bool = True
    """False: parts of the file were refused and left out, so what refers to them must not be reported as well."""

    def refuse(self, path: tuple[Key, ...], message: str) -> None:
        """Note a problem at the value that a path leads to; where it is absent, at what should hold it."""
        self.findings.add(follow(self.tree, path)[1].problem(path, message))

    def refuse_key(self, path: tuple[Key, ...], message: str) -> None:
        """Note a problem at the key that a path ends with."""
        self.findings.add(key_place(self.tree, path).problem(path, message))

    def midnight(self, day: date) -> datetime:
        """Return when a day begins in the network's time zone, UTC."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def is_written(self, path: tuple[Key, ...]) -> bool:
        """Whether the file holds something at a path, be it right or wrong."""
        return follow(self.tree, path)[0] == path
