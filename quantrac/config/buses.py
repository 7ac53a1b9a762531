"""Buses of a station: built from their specification, and the rules on what may be connected to them."""

from __future__ import annotations

import re
from typing import Final

from quantrac.config.devices import is_talker
from quantrac.config.documents import Key
from quantrac.config.draft import Draft
from quantrac.config.station_files import BusSpec
from quantrac.config.stations import Bus, Device, Rs485

ADDRESSES: Final = {
    "modbus-rtu": "a unit id 1-247",
    "modbus-tcp": "a unit id 0-255",
    "sdi-12": 'one character 0-9, A-Z or a-z in quotes, such as "0"',
    "vaisala-ascii": 'one character 0-9, A-Z or a-z in quotes, such as "0"',
    "bayern-hessen": "a number 0-999, or no address",
    "nmea-0183": 'the two letters of the talker in quotes, such as "WI", or no address',
    "gill-ascii": 'the node letter in quotes, such as "Q", or no address',
    "line": "no address",
}
"""What each protocol takes as address."""


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
        if is_talker(device.profile) and not all(is_talker(other.profile) for other in others):
            message = (
                f"found a talker on bus {device.bus.name!r} with instruments that are asked, allowed a bus of its own"
            )
            draft.refuse(("devices", name, "bus"), message)


def check_address(path: tuple[Key, ...], address: int | str | None, protocol: str, draft: Draft) -> None:
    """Refuse an address that the protocol does not have."""
    if not _fits(address, protocol) and not (address is None and draft.is_written(path)):
        found = "nothing" if address is None else repr(address)
        draft.refuse(path, f"found {found}, allowed {ADDRESSES[protocol]}")


def _fits(address: int | str | None, protocol: str) -> bool:
    match protocol:
        case "modbus-rtu":
            return isinstance(address, int) and 1 <= address <= 247
        case "modbus-tcp":
            return isinstance(address, int) and 0 <= address <= 255
        case "bayern-hessen":
            return address is None or (isinstance(address, int) and 0 <= address <= 999)
        case "nmea-0183" | "gill-ascii":
            length = 2 if protocol == "nmea-0183" else 1
            return address is None or (
                isinstance(address, str) and re.fullmatch(f"[A-Z]{{{length}}}", address) is not None
            )
        case "line":
            return address is None
        case _:
            return isinstance(address, str) and len(address) == 1 and address.isascii() and address.isalnum()
