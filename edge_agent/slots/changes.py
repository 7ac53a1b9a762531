"""Changes between two configurations of a station, and what they mean for what runs. Pure."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from quantrac.config.stations import Channel, Device, Station

ONLY_AT_A_START: Final = ("agent_channels", "cameras", "clock", "maintenance", "modem")
"""Parts that a running agent does not change; they hold from its next start."""
COMPARED_APART: Final = ("devices", "buses", "config_hash")
"""What does not travel to the station (`exclude` of the model) is not compared at all: channels the centre makes."""


class Changes(NamedTuple):
    """Names of devices and channels, each sorted."""

    added: list[str]
    removed: list[str]
    changed: list[str]
    channels_added: list[str]
    channels_removed: list[str]
    at_next_start: list[str]
    """Keys of the station that hold only from the agent's next start."""
    other: list[str]
    """Keys that change nothing of how instruments are read: name, tags, place, rates."""

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return any(self)

    @property
    def to_try(self) -> list[str]:
        """Devices that must answer before the new configuration is believed."""
        return sorted([*self.added, *self.changed])

    def __str__(self) -> str:
        """One line for people."""
        parts = [f"{name.replace('_', ' ')}: {', '.join(names)}" for name, names in self._asdict().items() if names]
        return "; ".join(parts) or "nothing differs"


def changes(old: Station, new: Station) -> Changes:
    """Compare two configurations of one station."""
    before, after = old.devices, new.devices
    both = before.keys() & after.keys()
    own = {channel.name for channel in old.channel_list()}
    others = {channel.name for channel in new.channel_list()}
    keys = [key for key, one in Station.model_fields.items() if key not in COMPARED_APART and not one.exclude]
    differ = [key for key in keys if _content(getattr(old, key)) != _content(getattr(new, key))]
    return Changes(
        added=sorted(after.keys() - before.keys()),
        removed=sorted(before.keys() - after.keys()),
        changed=sorted(name for name in both if not same_device(before[name], after[name])),
        channels_added=sorted(others - own),
        channels_removed=sorted(own - others),
        at_next_start=[key for key in differ if key in ONLY_AT_A_START],
        other=[key for key in differ if key not in ONLY_AT_A_START],
    )


def same_device(one: Device, other: Device) -> bool:
    """Return whether two devices are read alike; golden exchanges and the like do not count."""
    return bool(one.model_dump() == other.model_dump())


def same_channels(old: Device, new: Device) -> list[str]:
    """Return the channels whose samples mean the same under both configurations of a device."""
    if (old.sample_ms, old.report_ms) != (new.sample_ms, new.report_ms):
        return []
    return [name for name, channel in new.channels.items() if _alike(old, new, old.channels.get(name), channel)]


def _alike(old: Device, new: Device, one: Channel | None, other: Channel) -> bool:
    if one is None or one.model_dump() != other.model_dump():
        return False
    return bool(old.signal_of(one).model_dump() == new.signal_of(other).model_dump())


def _content(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _content(one) for name, one in value.items()}
    return value.model_dump() if hasattr(value, "model_dump") else value
