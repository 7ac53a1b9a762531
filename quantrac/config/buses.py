"""Buses of a station: built from their specification, and the rules on what may be connected to them."""

from __future__ import annotations

from quantrac.config.devices import PROTOCOLS
from quantrac.config.documents import Key
from quantrac.config.draft import Draft
from quantrac.config.station_files import BusSpec
from quantrac.config.stations import Bus, Device, Rs485


def make_bus(name: str, spec: BusSpec) -> Bus:
    """Return the bus of a specification."""
    is_serial = spec.host is None
    return Bus(
        name=name,
        kind=spec.kind,
        port=str(spec.port) if is_serial else None,
        line=spec.line,
        host=spec.host,
        tcp_port=None if is_serial else int(spec.port),
        echo=spec.echo,
        rs485=Rs485(**spec.rs485.model_dump()) if spec.rs485 else None,
        gap_ms=spec.gap_ms,
        guard_ms=spec.guard_ms,
    )


def check_buses(buses: dict[str, Bus], draft: Draft) -> None:
    """Refuse two buses at one place."""
    first: dict[str, str] = {}
    for name, bus in buses.items():
        other = first.setdefault(bus.place, name)
        if other != name:
            draft.refuse(("buses", name, "port"), f"found {bus.place} twice, allowed once (bus {other!r} has it)")


def check_talkers(devices: dict[str, Device], draft: Draft) -> None:
    """Refuse a bus on which one instrument talks by itself while another must be asked: they would talk at once."""
    for name, device in devices.items():
        others = [other for other in devices.values() if other.bus.name == device.bus.name]
        if device.profile.is_talker and not all(other.profile.is_talker for other in others):
            message = (
                f"found a talker on bus {device.bus.name!r} with instruments that are asked, allowed a bus of its own"
            )
            draft.refuse(("devices", name, "bus"), message)


def check_address(path: tuple[Key, ...], address: int | str | None, protocol: str, draft: Draft) -> None:
    """Refuse an address that the protocol does not have."""
    if not PROTOCOLS[protocol].has_address(address) and not (address is None and draft.is_written(path)):
        found = "nothing" if address is None else repr(address)
        draft.refuse(path, f"found {found}, allowed {PROTOCOLS[protocol].addresses}")
