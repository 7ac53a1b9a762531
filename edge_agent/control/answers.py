"""The agent's answers to requests, from its desk and from the centre's commands alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_agent.acquiring.field_link import FieldLink, NothingIsRead
from edge_agent.clocks.clock import Now
from edge_agent.control.agent_plan import AgentPlan
from edge_agent.control.reconfiguration import ChangeRefused, Reconfiguration
from edge_agent.control.run_end import RunEnd
from edge_agent.desk import AgentRefused
from edge_agent.lines.instrument import Unsuitable
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.misses import LineDown, RequestRefused
from edge_agent.sending.forwarding_loop import ForwardingLoop
from edge_agent.slots.maintenance import MaintenanceOrders
from quantrac.config.station_json import loads
from quantrac.config.stations import Device
from quantrac.telemetry.states import State

if TYPE_CHECKING:
    from edge_agent.acquiring.sweeps import Sweeps

READ_S: Final = 120.0
ACT_S: Final = 60.0
WITHIN_S: Final = 300.0
"""A new configuration that has not proved itself within this time is taken back, unless another time is given."""
LONGEST_WITHIN_S: Final = 3_000.0


@dataclass(frozen=True, slots=True)
class Answers:
    """Carries out requests; any thread may call it."""

    plan: AgentPlan
    loop: ForwardingLoop
    end: RunEnd
    orders: MaintenanceOrders
    misses: MissCounts
    configuring: Reconfiguration
    link: FieldLink
    photograph: Callable[[str, str], Mapping[str, Any]] | None
    """Has a camera take a picture for a cause, and returns what it took; None: there is no camera."""
    now: Now

    def answer(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Carry out a request and return its outcome; raises QuantracError with what stands against it."""
        ways: dict[str, Callable[[dict[str, Any]], Mapping[str, Any]]] = {
            "status": self._status,
            "live": self._live,
            "read": self._read,
            "again": self._send_again,
            "maint": self._maintain,
            "push": self._push,
            "reload": lambda wish: self.reload(_within_s(wish)),
            "picture": self._picture,
            "act": self._act,
            "drain": self._drain,
        }
        what = request.get("do")
        if not isinstance(what, str) or what not in ways:
            raise AgentRefused(f"found do: {what!r}, expected one of {', '.join(ways)}")
        return ways[what](request)

    def reload(self, within_s: float = WITHIN_S) -> Mapping[str, Any]:
        """Read the local files again and put them in force; raises ConfigErrors, ChangeRefused."""
        return self.configuring.change(self.plan.local_files(), "reload", within_s, self.plan.pushed.forget)

    def _status(self, _: dict[str, Any]) -> Mapping[str, Any]:
        return {**self.loop.report().as_dict(), "errors": self.misses.by_device(), "reasons": self.misses.reasons()}

    def _live(self, wish: dict[str, Any]) -> Mapping[str, Any]:
        try:
            now = self.link.ask(_now, timeout_s=10)
        except NothingIsRead:
            now = {"rows": [], "advice": {}, "lines": {}}
        station = self.configuring.station
        more = {"t": self.now().ms, "config": station.config_hash, "not_before": station.clock.not_before_ms}
        return {**self._status(wish), **more, "maintenance": self.orders.standing(), **now}

    def _read(self, wish: dict[str, Any]) -> Mapping[str, Any]:
        device = wish.get("device")
        if device is not None and not isinstance(device, str):
            raise AgentRefused(f"found device {device!r}, expected its name")
        found = self.link.ask(lambda sweeps: sweeps.read(device), READ_S)
        return {"readings": [one._asdict() for one in found]}

    def _send_again(self, wish: dict[str, Any]) -> Mapping[str, Any]:
        begin, end = wish.get("from"), wish.get("to")
        if not isinstance(begin, int) or not isinstance(end, int) or begin > end:
            raise AgentRefused(f"found from: {begin!r}, to: {end!r}; expected two times, ms since 1970 UTC, in order")
        return {"messages": self.loop.ask(lambda f: f.send_again(begin, end), timeout_s=60)}

    def _maintain(self, wish: dict[str, Any]) -> Mapping[str, Any]:
        now_ms = self.now().ms
        match wish:
            case {"device": str() | None as device, "for_ms": int() as for_ms, "state": str() as word}:
                self.orders.begin(device, State.from_word(word), for_ms, now_ms, str(wish.get("why", "")))
                return {"maintenance": self.orders.standing()}
            case {"device": str() | None as device, "off": True}:
                ended = self.orders.end(device, now_ms)
                return {"maintenance": self.orders.standing(), "ended": ended}
            case _:
                return {"maintenance": self.orders.standing()}

    def _push(self, wish: dict[str, Any]) -> Mapping[str, Any]:
        new = loads(json.dumps(wish.get("station")))
        return self.configuring.change(new, "push", _within_s(wish), lambda: self.plan.pushed.save(new))

    def _picture(self, wish: dict[str, Any]) -> Mapping[str, Any]:
        camera = str(wish.get("camera", ""))
        if self.photograph is None:
            raise AgentRefused("the station has no camera")
        return self.photograph(camera, "asked")

    def _act(self, wish: dict[str, Any]) -> Mapping[str, Any]:
        """Carry out an action of a profile; without a name, return those that there are."""
        device, name, value = self._device(wish), wish.get("action"), wish.get("value")
        known = device.profile.known_actions
        if name is None:
            return {"actions": {each: one.model_dump(mode="json", by_alias=True) for each, one in known.items()}}
        if not isinstance(name, str) or name not in known:
            expected = ", ".join(known) or "none, for its profile declares no actions"
            raise AgentRefused(f"{device.name}: found action {name!r}, expected: {expected}")
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise AgentRefused(f"{device.name}: found value {value!r}, expected a number")
        if refusal := known[name].refusal(value):
            raise AgentRefused(f"{device.name} {name}: {refusal}")
        return {"device": device.name, "action": name, "value": value, **self._carry_out(device, name, value)}

    def _carry_out(self, device: Device, name: str, value: float | None) -> Mapping[str, Any]:
        """Act, and mark what the instrument reads meanwhile, by whichever of its profiles."""
        action, now_ms, held = device.profile.known_actions[name], self.now().ms, list[str]()
        if action.hold_ms:
            held = [
                each
                for each in self._at(device)
                if self.orders.hold(each, action.state, action.hold_ms, now_ms, f"its {name}")
            ]
        try:
            self.link.ask(lambda sweeps: sweeps.act(device.name, name, value), ACT_S)
        except (RequestRefused, LineDown, NothingIsRead, Unsuitable):  # certainly not done; after silence it may be
            for each in held:
                self.orders.end(each, self.now().ms)
            raise
        return {"state": action.state.word, "until": now_ms + action.hold_ms} if action.hold_ms else {}

    def _at(self, device: Device) -> list[str]:
        """Return the names of the devices that are this instrument: one has a device for each of its profiles."""
        devices, place = self.configuring.station.devices, (device.bus.name, device.address)
        return [name for name, each in devices.items() if (each.bus.name, each.address) == place]

    def _device(self, wish: dict[str, Any]) -> Device:
        devices = self.configuring.station.devices
        name = wish.get("device")
        if not isinstance(name, str) or name not in devices:
            raise AgentRefused(f"found device {name!r}, expected: {', '.join(devices)}")
        return devices[name]

    def _drain(self, wish: dict[str, Any]) -> Mapping[str, Any]:
        timeout_s = wish.get("timeout_s")
        if not isinstance(timeout_s, int | float):
            raise AgentRefused(f"found timeout_s: {timeout_s!r}, expected seconds")
        return self.end.ask_drain(float(timeout_s))


async def _now(sweeps: Sweeps) -> dict[str, Any]:
    return {"rows": sweeps.now(), "advice": sweeps.advice(), "lines": sweeps.lines_away()}


def _within_s(request: dict[str, Any]) -> float:
    within_s = request.get("within_s", WITHIN_S)
    if not isinstance(within_s, int | float) or not 1 <= within_s <= LONGEST_WITHIN_S:
        raise ChangeRefused(f"found within_s: {within_s!r}, expected 1 to {LONGEST_WITHIN_S:g} seconds")
    return float(within_s)
