"""Maintenance and calibration, by the switch at the station or by a person's order until a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from edge_agent.readings.records import StationEvent
from edge_agent.slots.calibrations import KIND as CALIBRATION
from edge_agent.slots.device_slots import ChannelSample
from edge_agent.slots.kept_file import replace_file
from quantrac.config.stations import Maintenance
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State, worst

log = logger(__name__)

FILE: Final = "maintenance.json"
LONGEST_MS: Final = 7 * 86_400_000
WHOLE_STATION: Final = ""


class MaintenanceSwitch:
    """Gives what is measured the state that the station file names while its switch reads 1, or until it is forgotten.

    States and voltages (kind `last`) stay what they are: the switch itself is one of them.
    """

    def __init__(self, plan: Maintenance | None = None) -> None:
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
        plan, since_ms = self._plan, self._since_ms
        if kind is Kind.LAST or plan is None or since_ms is None:
            return taken
        holds = 0 <= taken.t_ms - since_ms < plan.ends_after_ms
        return taken._replace(state=worst((taken.state, plan.state))) if holds else taken


class BadOrder(QuantracError):
    """An order that cannot be followed."""


class MaintenanceOrder(NamedTuple):
    """An order of maintenance: readings of its time get this state."""

    state: State
    until_ms: int


class MaintenanceOrders:
    """The orders in force; any thread may call everything here. They outlive the agent, in a file."""

    def __init__(self, path: Path | None = None, devices: Iterable[str] = ()) -> None:
        """`devices`: those an order may name."""
        self._path = path
        self._devices = set(devices)
        self._lock = threading.Lock()
        self._orders: dict[str, MaintenanceOrder] = {}
        self._untold: list[StationEvent] = []
        self._unsaved = False
        """The disk did not take them; tried again with each turn."""
        if path is not None:
            self._load(path)

    def know(self, devices: Iterable[str]) -> None:
        """Let orders name these devices from now on."""
        self._devices = set(devices)

    def begin(self, device: str | None, state: State, for_ms: int, now_ms: int, why: str = "") -> int:
        """Give what a device (None: every device) measures a state for so long; returns when it ends, ms.

        Raises BadOrder.
        """
        if device is not None and device not in self._devices:
            raise BadOrder(f"found device {device!r}, the station has: {', '.join(sorted(self._devices))}")
        if state not in (State.MAINT, State.CAL):
            raise BadOrder(f"found state {state.word}, allowed: maint, cal")
        if not 0 < for_ms <= LONGEST_MS:
            raise BadOrder(f"found {for_ms / 60_000:g} minutes, allowed: up to seven days")
        until_ms = now_ms + for_ms
        with self._lock:
            self._orders[device or WHOLE_STATION] = MaintenanceOrder(state, until_ms)
            said = f"on, {state.word} for {for_ms / 60_000:g} min" + (f": {why}" if why else "")
            self._untold.append(StationEvent("maintenance", device, said, now_ms))
            if state is State.CAL:
                self._untold.append(StationEvent(CALIBRATION, device, why or "ordered", now_ms))
            self._save()
        return until_ms

    def hold(self, device: str, state: State, for_ms: int, now_ms: int, why: str) -> bool:
        """Give a device a state for so long unless an order that lasts longer is in force; returns whether this one is.

        Raises BadOrder.
        """
        with self._lock:
            standing = self._orders.get(device)
        if standing is not None and standing.until_ms >= now_ms + for_ms:
            return False
        self.begin(device, state, for_ms, now_ms, why)
        return True

    def end(self, device: str | None, now_ms: int) -> bool:
        """End an order before its time; returns whether there was one."""
        with self._lock:
            found = self._orders.pop(device or WHOLE_STATION, None)
            if found is not None:
                self._untold.append(StationEvent("maintenance", device, "off", now_ms))
                self._save()
        return found is not None

    def turn(self, now_ms: int) -> list[StationEvent]:
        """Let orders end whose time is over; return the events since the last turn."""
        with self._lock:
            over = [name for name, order in self._orders.items() if now_ms >= order.until_ms]
            for name in over:
                del self._orders[name]
                self._untold.append(StationEvent("maintenance", name or None, "off, its time is over", now_ms))
            if over or self._unsaved:
                self._save()
            told, self._untold = self._untold, []
        return told

    def marked(self, device: str, kind: Kind, taken: ChannelSample) -> ChannelSample:
        """Return a sample with the state that is ordered; the device's own word counts where it is worse.

        States and voltages (kind `last`) stay what they are.
        """
        if not self._orders or kind is Kind.LAST:
            return taken
        orders = [order for name in (device, WHOLE_STATION) if (order := self._orders.get(name)) is not None]
        return taken._replace(state=worst((taken.state, *(o.state for o in orders if taken.t_ms < o.until_ms))))

    def standing(self) -> dict[str, dict[str, object]]:
        """Return the orders in force, by device (empty name: the whole station), for people."""
        with self._lock:
            return {name: {"state": o.state.word, "until": o.until_ms} for name, o in sorted(self._orders.items())}

    def _load(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            try:
                saved = json.loads(path.read_text("utf-8"))
                self._orders = {
                    name: MaintenanceOrder(State.from_word(word), int(until)) for name, (word, until) in saved.items()
                }
            except (ValueError, RecursionError, TypeError, AttributeError, QuantracError) as error:
                log.warning("maintenance_file_refused", file=str(path), error=str(error))

    def _save(self) -> None:
        if self._path is None:
            return
        saved = {name: (o.state.word, o.until_ms) for name, o in self._orders.items()}
        try:
            replace_file(self._path, json.dumps(saved))
        except OSError as error:  # the order holds all the same, until the agent ends
            if not self._unsaved:
                log.warning("maintenance_not_saved", file=str(self._path), error=str(error))
            self._unsaved = True
        else:
            self._unsaved = False
