"""Device profiles (`station_configs/devices/`): one class a protocol, chosen by the key `protocol`."""

from __future__ import annotations

from typing import Final

from quantrac.config.modbus import ModbusProfile, ModbusSignal
from quantrac.config.profiles import DeviceProfile, Golden, HexGolden, Signal, StateTable, TextGolden
from quantrac.config.serial import (
    BayernHessenProfile,
    BayernHessenSignal,
    Sdi12Profile,
    Sdi12Signal,
    VaisalaProfile,
    VaisalaSignal,
)

__all__ = [
    "BUS_KINDS_OF_PROTOCOL",
    "PROFILE_OF_PROTOCOL",
    "AnyProfile",
    "BayernHessenProfile",
    "BayernHessenSignal",
    "DeviceProfile",
    "Golden",
    "HexGolden",
    "ModbusProfile",
    "ModbusSignal",
    "Sdi12Profile",
    "Sdi12Signal",
    "Signal",
    "StateTable",
    "TextGolden",
    "VaisalaProfile",
    "VaisalaSignal",
]

AnyProfile = ModbusProfile | Sdi12Profile | VaisalaProfile | BayernHessenProfile

PROFILE_OF_PROTOCOL: Final[dict[str, type[AnyProfile]]] = {
    "modbus-rtu": ModbusProfile,
    "modbus-tcp": ModbusProfile,
    "sdi-12": Sdi12Profile,
    "vaisala-ascii": VaisalaProfile,
    "bayern-hessen": BayernHessenProfile,
}

BUS_KINDS_OF_PROTOCOL: Final[dict[str, tuple[str, ...]]] = {
    "modbus-rtu": ("modbus-rtu", "modbus-rtu-tcp", "modbus-tcp"),
    "modbus-tcp": ("modbus-tcp", "modbus-rtu", "modbus-rtu-tcp"),
    "sdi-12": ("sdi-12",),
    "vaisala-ascii": ("ascii",),
    "bayern-hessen": ("bayern-hessen",),
}
"""Buses that a profile may hang on."""
