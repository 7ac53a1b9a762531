"""Resolves a station: joins its file with profiles and defaults; whatever does not fit becomes a problem."""

from __future__ import annotations

from datetime import date

from quantrac.config.channels import agent_channels, extras_of, gases_of, make_channel
from quantrac.config.derived import derived_of
from quantrac.config.devices import PROTOCOLS, Address, BusKind
from quantrac.config.documents import Key
from quantrac.config.draft import Draft
from quantrac.config.findings import one_of, one_of_many
from quantrac.config.lines import LineProfile
from quantrac.config.ministry import ministry_of
from quantrac.config.network import Defaults
from quantrac.config.profile_files import own_profile
from quantrac.config.station_files import BusSpec, CalibrationSpec, CameraSpec, DeviceSpec, StationFile
from quantrac.config.station_json import config_hash
from quantrac.config.stations import (
    DAY_MS,
    Bus,
    Calibration,
    Camera,
    Channel,
    ClockPlan,
    Device,
    Maintenance,
    Rs485,
    SpoolPlan,
    Station,
)

CLOCKS_BEGIN = date(2025, 6, 1)
"""No station ran this program before: a clock that shows less was never set."""
ENVELOPE_BYTES = 160
"""What a spooled message takes beside its readings, index included."""
READING_BYTES = 32


def resolve(file: StationFile, draft: Draft) -> Station:
    """Return the station as it runs; problems go to the draft's findings, and then the result must not be used."""
    buses = {name: _bus(name, spec) for name, spec in file.buses.items()}
    _check_buses(buses, draft)
    own = draft.defaults.model_copy(update=file.defaults.model_dump(exclude_none=True))
    devices = {
        name: device
        for name, spec in file.devices.items()
        if (device := _device(name, spec, buses, own, draft)) is not None
    }
    _check_addresses(devices, file.devices, draft)
    _check_talkers(devices, draft)
    agent = agent_channels(own.housekeeping_ms, devices, file.box)
    _check_names(devices, agent, draft)
    station = Station(
        station=file.station,
        name=file.name,
        tags=file.tags,
        location=file.location,
        in_service=draft.midnight(file.in_service),
        buses=buses,
        devices=devices,
        agent_channels=agent,
        maintenance=_maintenance(file, devices, draft),
        spool=SpoolPlan(**file.spool.model_dump()),
        backfill_rate=file.backfill.max_rate,
        cameras={name: _camera(camera) for name, camera in file.cameras.items()},
        clock=_clock(file, draft),
        modem=file.box.modem,
        config_hash="",
        derived=derived_of(file.derived, _measured(devices), _names_of(devices, agent), draft),
        ministry=ministry_of(file.ministry, _measured(devices), draft),
    )
    if draft.whole:
        _check_spool(station, draft)
    return station.model_copy(update={"config_hash": config_hash(station)})


def _bus(name: str, spec: BusSpec) -> Bus:
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


def _measured(devices: dict[str, Device]) -> dict[str, Channel]:
    return {name: channel for device in devices.values() for name, channel in device.channels.items()}


def _names_of(devices: dict[str, Device], agent: dict[str, Channel]) -> set[str]:
    return {channel.name for device in devices.values() for channel in device.channel_list()} | agent.keys()


def _device(name: str, spec: DeviceSpec, buses: dict[str, Bus], own: Defaults, draft: Draft) -> Device | None:
    path: tuple[Key, ...] = ("devices", name)
    profile, bus = draft.profiles.good.get(spec.profile), buses.get(spec.bus)
    if profile is None and spec.profile not in draft.profiles.broken:
        draft.refuse((*path, "profile"), one_of_many(spec.profile, draft.profiles.names))
    if bus is None and not draft.is_written(("buses", spec.bus)):
        draft.refuse((*path, "bus"), one_of(spec.bus, buses))
    profile = own_profile(name, spec, profile, draft) if profile is not None else None
    if profile is None or bus is None:
        return None
    bus_kinds = PROTOCOLS[profile.protocol].bus_kinds
    if bus.kind not in bus_kinds:
        kinds = ", ".join(bus_kinds)
        message = (
            f"found bus {bus.name!r} of kind {bus.kind}, allowed for profile {spec.profile}: a bus of kind {kinds}"
        )
        draft.refuse((*path, "bus"), message)
    _check_address((*path, "address"), spec.address, profile.protocol, bus.kind, draft)
    report_ms = spec.report_ms or own.report_ms
    channels = {
        channel_name: channel
        for channel_name, channel_spec in spec.channels.items()
        if (channel := make_channel(channel_name, channel_spec, name, profile, report_ms, draft)) is not None
    }
    gases = gases_of(name, spec.calibration, profile, draft)
    device = Device(
        name=name,
        profile=profile,
        bus=bus,
        address=spec.address,
        serial=spec.serial,
        sample_ms=spec.sample_ms or own.sample_ms,
        report_ms=report_ms,
        valid_share=spec.valid_share or own.valid_share,
        timeout_ms=spec.timeout_ms or profile.timeout_ms,
        channels=channels,
        calibration=_calibration(spec.calibration, draft),
        extras=extras_of(name, spec.channels, channels, gases, draft),
        gases=gases,
    )
    if draft.whole:
        _check_intervals(path, device, draft)
    return device


def _camera(spec: CameraSpec) -> Camera:
    url = spec.url.replace("{width}", str(spec.width)).replace("{height}", str(spec.height))
    return Camera(**spec.model_dump() | {"url": url})


def _clock(file: StationFile, draft: Draft) -> ClockPlan:
    """Readings dated before the station was in service would be refused: such a clock is wrong, too."""
    first = file.clock.not_before or max(CLOCKS_BEGIN, file.in_service)
    return ClockPlan(trust=file.clock.trust, not_before_ms=round(draft.midnight(first).timestamp() * 1000))


def _calibration(spec: CalibrationSpec | None, draft: Draft) -> Calibration | None:
    if spec is None:
        return None
    if spec.window is None:
        return Calibration(every_ms=spec.every_ms)
    weekday, start, end = spec.window
    return Calibration(
        every_ms=spec.every_ms, weekday=weekday, start_minute=start, end_minute=end, time_zone=draft.zone.key
    )


def _check_intervals(path: tuple[Key, ...], device: Device, draft: Draft) -> None:
    if DAY_MS % device.report_ms:
        message = f"found a report interval of {device.report_ms} ms, allowed one that divides a day evenly"
        draft.refuse((*path, "report"), message)
    elif device.report_ms % device.sample_ms:
        message = (
            f"found a sample every {device.sample_ms} ms and a report every {device.report_ms} ms, "
            "allowed a report interval that is a multiple of the sample interval"
        )
        draft.refuse((*path, "sample"), message)
    stamp = device.profile.stamp if isinstance(device.profile, LineProfile) else None
    if stamp is not None and stamp.covers_ms != device.report_ms:
        message = (
            f"found a report interval of {device.report_ms} ms, allowed {stamp.covers_ms} ms: "
            f"the instrument stamps what it measured in that time"
        )
        draft.refuse((*path, "report"), message)


def _check_buses(buses: dict[str, Bus], draft: Draft) -> None:
    first: dict[str, str] = {}
    for name, bus in buses.items():
        other = first.setdefault(bus.place, name)
        if other != name:
            draft.refuse(("buses", name, "port"), f"found {bus.place} twice, allowed once (bus {other!r} has it)")


def _check_talkers(devices: dict[str, Device], draft: Draft) -> None:
    """An instrument that talks by itself and one that must be asked would talk at once."""
    for name, device in devices.items():
        others = [other for other in devices.values() if other.bus.name == device.bus.name]
        if device.profile.is_talker and not all(other.profile.is_talker for other in others):
            message = (
                f"found a talker on bus {device.bus.name!r} with instruments that are asked, allowed a bus of its own"
            )
            draft.refuse(("devices", name, "bus"), message)


def _check_address(path: tuple[Key, ...], address: Address, protocol: str, kind: BusKind, draft: Draft) -> None:
    addresses, has_address = PROTOCOLS[protocol].addresses_on(kind)
    if not has_address(address) and not (address is None and draft.is_written(path)):
        found = "nothing" if address is None else repr(address)
        draft.refuse(path, f"found {found}, allowed {addresses}")


def _check_addresses(devices: dict[str, Device], specs: dict[str, DeviceSpec], draft: Draft) -> None:
    """Two instruments that answer at once destroy each other's frames; one with two profiles says so in the file."""
    first: dict[tuple[str, int | str | None], str] = {}
    for name, device in devices.items():
        path = ("devices", name, "address")
        if device.address is None and draft.is_written(path):
            continue  # it was refused
        other = first.setdefault((device.bus.name, device.address), name)
        twin = specs[name].same_instrument
        if other not in (name, twin):
            has = "no address" if device.address is None else f"address {device.address!r}"
            message = (
                f"found {has} twice on bus {device.bus.name!r}, allowed once (device {other!r} has it; "
                f"if both are one instrument, say same_instrument: {other})"
            )
            draft.refuse(path, message)
        elif twin is not None and other == name:
            message = f"found {twin!r}, allowed a device above this one that has its bus and address"
            draft.refuse(("devices", name, "same_instrument"), message)


def _check_names(devices: dict[str, Device], agent: dict[str, Channel], draft: Draft) -> None:
    owner = dict.fromkeys(agent, "the agent itself")
    for device in devices.values():
        for name in (channel.name for channel in device.channel_list()):
            other = owner.setdefault(name, f"device {device.name!r}")
            if other != f"device {device.name!r}":
                path = ("devices", device.name, "channels", name)
                message = (
                    f"found channel {name!r} a second time, allowed once a station ({other} has it); "
                    "give this one another name and say `parameter:`"
                )
                draft.refuse_key(path, message)


def _maintenance(file: StationFile, devices: dict[str, Device], draft: Draft) -> Maintenance | None:
    if file.maintenance is None:
        return None
    switches = [f"{name}/{channel}" for name, device in devices.items() for channel in device.channels]
    if file.maintenance.switch not in switches:
        if draft.whole:
            draft.refuse(("maintenance", "switch"), one_of(file.maintenance.switch, switches))
        return None
    device, channel = file.maintenance.switch.split("/")
    return Maintenance(
        device=device, channel=channel, state=file.maintenance.state, ends_after_ms=file.maintenance.ends_after_ms
    )


def spool_bytes(station: Station) -> int:
    """Return what the spool takes over its whole keeping time, bytes: one message a device and report interval."""
    groups = [(device.report_ms, len(device.channel_list())) for device in station.devices.values()]
    agent = list(station.agent_channels.values())
    groups.append((agent[0].interval_ms, len(agent)))
    per_ms = sum((ENVELOPE_BYTES + READING_BYTES * count) / interval for interval, count in groups)
    return round(per_ms * station.spool.keep_ms)


def _check_spool(station: Station, draft: Draft) -> None:
    need, size = spool_bytes(station), station.spool.size_bytes
    if need > size:
        days = station.spool.keep_ms / DAY_MS
        message = (
            f"found room for {size / 1e9:.2g} GB, allowed {need / 1e9:.2g} GB or more: "
            f"that is what {days:g} days of this station's messages take"
        )
        draft.refuse(("spool", "size"), message)
