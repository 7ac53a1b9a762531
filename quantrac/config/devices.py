"""The protocols that devices speak: the profile of each (`station_configs/devices/`), its buses, its addresses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from quantrac.config.lines import LineProfile
from quantrac.config.modbus import ModbusProfile
from quantrac.config.serial import BayernHessenProfile, Sdi12Profile, VaisalaProfile

AnyProfile = ModbusProfile | Sdi12Profile | VaisalaProfile | BayernHessenProfile | LineProfile

BusKind = Literal["modbus-tcp", "modbus-rtu", "modbus-rtu-tcp", "modbus-ascii", "sdi-12", "ascii", "bayern-hessen"]
MODBUS_KINDS: Final[tuple[BusKind, ...]] = ("modbus-rtu", "modbus-rtu-tcp", "modbus-ascii", "modbus-tcp")
Address = int | str | None


class DeviceProtocol(NamedTuple):
    """What the files may say of the devices that speak one protocol."""

    profile: type[AnyProfile]
    bus_kinds: tuple[BusKind, ...]
    """Buses on which such a device may hang."""
    addresses: str
    """The addresses that it has, for people."""
    has_address: Callable[[Address], bool]

    def addresses_on(self, kind: BusKind) -> tuple[str, Callable[[Address], bool]]:
        """Return the addresses that it has on a bus of a kind, for people and as a check."""
        if self.profile is ModbusProfile and kind in self.bus_kinds:
            return _UNITS_BY_TCP if kind == "modbus-tcp" else _UNITS
        return self.addresses, self.has_address


def _number(least: int, most: int) -> Callable[[Address], bool]:
    return lambda address: isinstance(address, int) and least <= address <= most


def _text(pattern: str) -> Callable[[Address], bool]:
    return lambda address: isinstance(address, str) and re.fullmatch(pattern, address) is not None


def _or_none(has_address: Callable[[Address], bool]) -> Callable[[Address], bool]:
    return lambda address: address is None or has_address(address)


_UNITS: Final = ("a unit id 1-247 on a serial line", _number(1, 247))
"""On a line: 0 is a broadcast that nobody answers, 248-255 are reserved (MODBUS over serial line V1.02, 2.2)."""
_UNITS_BY_TCP: Final = ("a unit id 0-255 over TCP", _number(0, 255))
"""Where 0 or 255 means the instrument itself (MODBUS messaging on TCP/IP V1.0b, 4.4.2.1)."""
_CHARACTER: Final = ('one character 0-9, A-Z or a-z in quotes, such as "0"', _text("[0-9A-Za-z]"))

PROTOCOLS: Final[dict[str, DeviceProtocol]] = {
    "modbus-rtu": DeviceProtocol(ModbusProfile, MODBUS_KINDS, *_UNITS),
    "modbus-tcp": DeviceProtocol(ModbusProfile, MODBUS_KINDS, *_UNITS_BY_TCP),
    "sdi-12": DeviceProtocol(Sdi12Profile, ("sdi-12",), *_CHARACTER),
    "vaisala-ascii": DeviceProtocol(VaisalaProfile, ("ascii",), *_CHARACTER),
    "bayern-hessen": DeviceProtocol(
        BayernHessenProfile, ("bayern-hessen",), "a number 0-999, or no address", _or_none(_number(0, 999))
    ),
    "nmea-0183": DeviceProtocol(
        LineProfile,
        ("ascii",),
        'the two letters of the talker in quotes, such as "WI", or no address',
        _or_none(_text("[A-Z]{2}")),
    ),
    "gill-ascii": DeviceProtocol(
        LineProfile, ("ascii",), 'the node letter in quotes, such as "Q", or no address', _or_none(_text("[A-Z]"))
    ),
    "line": DeviceProtocol(LineProfile, ("ascii",), "no address", lambda address: address is None),
}
"""By the key `protocol` of a profile. How each is spoken: `edge_agent.instruments.drivers.DRIVERS`."""
