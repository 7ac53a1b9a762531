"""Device profiles (`station_configs/devices/`): one class a protocol, chosen by the key `protocol`."""

from __future__ import annotations

from typing import Final

from quantrac.config.lines import LINE_PROTOCOLS, LineProfile
from quantrac.config.modbus import ModbusProfile
from quantrac.config.serial import (
    BayernHessenProfile,
    Sdi12Profile,
    VaisalaProfile,
)

AnyProfile = ModbusProfile | Sdi12Profile | VaisalaProfile | BayernHessenProfile | LineProfile

PROFILE_OF_PROTOCOL: Final[dict[str, type[AnyProfile]]] = {
    "modbus-rtu": ModbusProfile,
    "modbus-tcp": ModbusProfile,
    "sdi-12": Sdi12Profile,
    "vaisala-ascii": VaisalaProfile,
    "bayern-hessen": BayernHessenProfile,
    **dict.fromkeys(LINE_PROTOCOLS, LineProfile),
}

BUS_KINDS_OF_PROTOCOL: Final[dict[str, tuple[str, ...]]] = {
    "modbus-rtu": ("modbus-rtu", "modbus-rtu-tcp", "modbus-tcp"),
    "modbus-tcp": ("modbus-tcp", "modbus-rtu", "modbus-rtu-tcp"),
    "sdi-12": ("sdi-12",),
    "vaisala-ascii": ("ascii",),
    "bayern-hessen": ("bayern-hessen",),
    **dict.fromkeys(LINE_PROTOCOLS, ("ascii",)),
}
"""Buses that a profile may hang on."""


def is_talker(profile: AnyProfile) -> bool:
    """Return whether an instrument sends by itself instead of being asked."""
    return isinstance(profile, VaisalaProfile | LineProfile) and profile.mode == "talker"
