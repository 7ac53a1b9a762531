"""The trial of a new configuration: it must deliver what the old one did. The time is passed in.

The new one is confirmed as soon as every channel that both have, and that was valid before, has been valid in a slot
that began under the new one, and the link is there if it was there before. It is given a time for that; else the old
one comes back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final, NamedTuple

from edge_agent.readings.records import SlotRecord
from quantrac.config.stations import Station

SLOTS: Final = 2
SLACK_S: Final = 5.0
REMEMBERED: Final = 3
"""A channel was valid before if one of so many newest slots was: a late reply does not excuse it from the trial."""


class TrialVerdict(NamedTuple):
    """The state of a trial so far."""

    confirmed: bool
    rolled_back: bool
    why: str


class Deliveries:
    """The newest slots of each channel. Acquisition calls `note`, any thread the rest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._missed: dict[str, int] = {}
        """Slots since the newest valid one."""
        self._valid_t: dict[str, int] = {}

    def note(self, record: SlotRecord) -> None:
        """Take note of a record on its way to the spool."""
        with self._lock:
            for reading in record.readings:
                valid = reading.value is not None and reading.state.is_valid
                self._missed[reading.name] = 0 if valid else self._missed.get(reading.name, REMEMBERED) + 1
                if valid:
                    self._valid_t[reading.name] = record.t_ms

    def delivering(self) -> set[str]:
        """Return the channels that were valid in one of their REMEMBERED newest slots."""
        with self._lock:
            return {name for name, missed in self._missed.items() if missed < REMEMBERED}

    def lacking(self, wanted: Iterable[str], since: dict[str, int]) -> list[str]:
        """Return those that had no valid slot that ends later than `since` says for them."""
        with self._lock:
            return sorted(name for name in wanted if self._valid_t.get(name, 0) <= since[name])


class Trial:
    """One new configuration while it has to prove itself."""

    def __init__(
        self,
        new: Station,
        deliveries: Deliveries,
        before: set[str],
        *,
        switched_ms: int,
        began_s: float,
        within_s: float,
        linked: bool,
    ) -> None:
        """Begin, when the new one is in force.

        Args:
            new: the configuration.
            deliveries: what comes of it.
            before: channels that were valid under the old one.
            switched_ms: wall clock from which on nothing more is measured under the old one.
            began_s: monotonic time now.
            within_s: seconds that it has.
            linked: the link was there before, so it must be there afterwards.
        """
        widths = {channel.name: channel.interval_ms for channel in new.channel_list()}
        unhurried = {c.name for d in new.devices.values() if d.profile.poll_minutes for c in d.channel_list()}
        self.wanted = (before & widths.keys()) - unhurried
        self._since = {name: switched_ms + widths[name] - 1 for name in self.wanted}
        longest_s = max((widths[name] for name in self.wanted), default=0) / 1000
        self.until_s = began_s + max(within_s, SLOTS * longest_s + SLACK_S)
        self._deliveries, self._linked = deliveries, linked

    def verdict(self, now_s: float, connected: bool) -> TrialVerdict:
        """Return what is known now."""
        lacking = self._deliveries.lacking(self.wanted, self._since)
        offline = self._linked and not connected
        if not lacking and not offline:
            return TrialVerdict(True, False, "")
        why = "the link has not returned" if offline else f"no valid reading of {', '.join(lacking)}"
        return TrialVerdict(False, now_s >= self.until_s, why)
