"""The switch at a station that says somebody works on it: until it is opened, or forgotten long enough. Pure."""

from __future__ import annotations

from edge_agent.slots.device_slots import ChannelSample
from quantrac.config.stations import Maintenance
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State, worst


class MaintenanceSwitch:
    """Gives what is measured the state that the station file names while its switch reads 1.

    States and voltages (kind `last`) stay what they are: the switch itself is one of them.
    """

    def __init__(self, plan: Maintenance | None) -> None:
        self._plan = plan
        self._since_ms: int | None = None

    def note(self, device: str, channel: str, taken: ChannelSample) -> str | None:
        """Take note of a sample; returns what changed if it was the switch's: `on` or `off`."""
        if self._plan is None or (device, channel) != (self._plan.device, self._plan.channel) or taken.value is None:
            return None
        was_on, is_on = self._since_ms is not None, taken.value >= 1
        if was_on == is_on:
            return None
        self._since_ms = taken.t_ms if is_on else None
        return "on" if is_on else "off"

    def marked(self, kind: Kind, taken: ChannelSample) -> ChannelSample:
        """Return a sample with the state of the switch."""
        if kind is Kind.LAST or not self._holds(taken.t_ms):
            return taken
        return taken._replace(state=worst((taken.state, self._plan.state if self._plan else State.OK)))

    def _holds(self, t_ms: int) -> bool:
        plan, since_ms = self._plan, self._since_ms
        return plan is not None and since_ms is not None and 0 <= t_ms - since_ms < plan.ends_after_ms
