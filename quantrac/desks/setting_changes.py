"""Changes of what holds for the whole network, as people are shown them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from quantrac.config.fields import MS_OF_UNIT


class SettingChange(NamedTuple):
    """A setting of the whole network that applying changed; None: not set, as built in."""

    name: str
    """Its keys in network.yaml, such as `retention.readings`, or a file of limits, such as `limits/qcvn-05-2023`."""
    before: Any
    """As the file would spell it."""
    after: Any


def changed_settings(before: Iterable[Any], after: Iterable[Any]) -> list[SettingChange]:
    """Return the settings that differ between two rows of SETTINGS_IN_FORCE, by the keys of network.yaml. Pure."""
    names = (
        "rollups.valid_share", "time_zone", "retention.readings", "retention.hourly", "retention.daily", "four_eyes",
        "quotas", "samples",
    )  # fmt: skip
    old, new = (
        dict(leaf for name, value in zip(names, row, strict=True) for leaf in _leaves(name, value))
        for row in (before, after)
    )
    return [
        SettingChange(name, old.get(name), new.get(name)) for name in {**old, **new} if old.get(name) != new.get(name)
    ]


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what stands below a key of network.yaml, durations as the file spells them."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(f"{name}.{key}", below)
    elif isinstance(value, timedelta):
        yield name, _spelled(value)
    elif name.endswith("_ms") and value is not None:
        yield name.removesuffix("_ms"), _spelled(timedelta(milliseconds=value))
    else:
        yield name, value


def _spelled(length: timedelta) -> str:
    ms = length // timedelta(milliseconds=1)
    return next(f"{ms // size}{unit}" for unit, size in reversed(MS_OF_UNIT.items()) if ms % size == 0)
