"""The device that a profile alone describes: each signal is a channel, in the profile's own unit."""

from __future__ import annotations

from collections.abc import Iterable

from quantrac.config.devices import Address, AnyProfile
from quantrac.config.stations import Bus, Channel, Device
from quantrac.telemetry.parameters import Kind

EVERY_MS = 1_000


def device_of(
    profile: AnyProfile, bus: Bus, address: Address, names: Iterable[str] | None = None, timeout_ms: int | None = None
) -> Device:
    """Return a device that reads these signals, None: all. Its intervals mean nothing."""
    channels = {
        name: Channel(
            name=name, parameter=name, unit=profile.signals[name].unit, kind=Kind.LAST, device="probe",
            signal=name, interval_ms=EVERY_MS, span=(0.0, 0.0),
        )
        for name in (profile.signals if names is None else names)
    }  # fmt: skip
    return Device(
        name="probe", profile=profile, bus=bus, address=address, sample_ms=EVERY_MS, report_ms=EVERY_MS,
        valid_share=1.0, timeout_ms=profile.timeout_ms if timeout_ms is None else timeout_ms, channels=channels,
    )  # fmt: skip
