"""Finds the channel that a name in a file means, and the conversion of its unit. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from quantrac.config.units import IDENTITY, WRITTEN, Conversion, conversion
from quantrac.telemetry.parameters import CATALOGUE

ALIASES: Final = {
    "doman": "salinity", "độ mặn": "salinity", "ntu": "turbidity", "pm-2-5": "pm2_5", "pm2.5": "pm2_5", "pm-10": "pm10",
    "nhiệt độ": "water_temp", "n-nh4": "nh4_n", "nh4-n": "nh4_n",
}  # fmt: skip
"""Names met in the files of receivers, beside the ministry's symbols; lower case."""
UNSAID: Final = ("", "-")


class TargetChannel(NamedTuple):
    """A channel of the station."""

    name: str
    parameter: str
    unit: str


def is_skipped(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a name fits one of the patterns, `*` and `?` as in names of files; capitals do not matter."""
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)


class Names:
    """Maps names in a station's files to channels: as the user says (`chosen`, `skipped`), else as they are known."""

    def __init__(self, channels: Iterable[TargetChannel], chosen: Mapping[str, str], skipped: Collection[str]) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._chosen = {name.casefold(): channel for name, channel in chosen.items()}
        self._skipped = skipped
        self._meant: defaultdict[str, list[str]] = defaultdict(list)
        for channel in self._channels.values():
            for name in self._names_of(channel):
                if channel.name not in self._meant[name]:
                    self._meant[name].append(channel.name)

    def channel(self, name: str) -> TargetChannel | str | None:
        """Return the channel that a name means, None for one that is skipped, or what is wrong with it."""
        bare = name.rpartition("/")[2].casefold()
        if is_skipped(bare, self._skipped) or is_skipped(name, self._skipped):
            return None
        wanted = self._chosen.get(name.casefold()) or self._chosen.get(bare)
        if wanted is not None:
            return self._channels.get(wanted) or f"--map: found {wanted}, expected {', '.join(sorted(self._channels))}"
        if bare in self._channels:
            return self._channels[bare]
        meant = self._meant.get(bare, [])
        if len(meant) == 1:
            return self._channels[meant[0]]
        found = f"found {name!r}"
        if meant:
            return f"{found}, which may be {' or '.join(meant)}: say which with --map {name}=CHANNEL"
        return f"{found}, expected a channel ({', '.join(sorted(self._channels))}): use --map {name}=CHANNEL or --skip"

    def unit(self, channel: TargetChannel, unit: str | None) -> Conversion | str:
        """Return how values in a unit become those of the channel, or what is wrong with it."""
        bare = (unit or "").strip()
        if bare in UNSAID or channel.unit in (bare, "[pH]"):
            return IDENTITY
        code = WRITTEN.get(bare.lower(), bare)
        found = conversion(code, channel.unit, channel.parameter)
        known = CATALOGUE.get(channel.parameter)
        return found or f"unit: found {bare!r}, expected {(known and known.label) or channel.unit}"

    def _names_of(self, channel: TargetChannel) -> list[str]:
        known = CATALOGUE.get(channel.parameter)
        symbol = known.symbol if known is not None else None
        aliases = [alias for alias, parameter in ALIASES.items() if parameter == channel.parameter]
        return [channel.parameter, *([symbol.casefold()] if symbol else []), *aliases]
