"""Channels of a station: a signal in the catalogue's unit, the agent's own, and series made of a channel's samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from quantrac.config.devices import AnyProfile
from quantrac.config.documents import Key
from quantrac.config.draft import Draft
from quantrac.config.findings import one_of
from quantrac.config.profiles import Signal
from quantrac.config.station_files import AdjustSpec, BoxSpec, CalibrationSpec, ChannelSpec
from quantrac.config.stations import AGENT, DAY_MS, Adjust, Channel, Extra, ExtraKind, Gas
from quantrac.config.units import Conversion, conversion, convertible
from quantrac.telemetry.parameters import BUILT_IN, Kind, Parameter

AGENT_PARAMETERS: Final = ("disk_free", "clock_offset", "bus_errors", "spool_depth", "spool_lost")
ERROR_RATE: Final = "error_rate"


def agent_channels(interval_ms: int, devices: Iterable[str], box: BoxSpec) -> dict[str, Channel]:
    """Return the channels that the edge agent measures itself, among them an error rate for each device."""
    rates = {f"{device.replace('-', '_')}_{ERROR_RATE}": device for device in devices}
    names = [*AGENT_PARAMETERS, *(["cpu_temp"] if box.cpu_temp else []), *(["signal"] if box.modem else []), *rates]
    return {name: _agent_channel(name, rates.get(name), interval_ms) for name in names}


def _agent_channel(name: str, device: str | None, interval_ms: int) -> Channel:
    parameter = BUILT_IN[name if device is None else ERROR_RATE]
    return Channel(
        name=name,
        parameter=parameter.id,
        unit=parameter.unit,
        kind=parameter.kind,
        device=AGENT,
        signal=name if device is None else f"{ERROR_RATE}:{device}",
        interval_ms=interval_ms,
        span=parameter.span,
    )


def make_channel(
    name: str, spec: ChannelSpec, device: str, profile: AnyProfile, interval_ms: int, draft: Draft
) -> Channel | None:
    """Return a channel of a device; None, and a finding, when its signal or parameter does not exist."""
    path: tuple[Key, ...] = ("devices", device, "channels", name)
    signal_name = _signal_name(name, spec)
    signal = profile.signals.get(signal_name)
    if signal is None:
        _refuse_signal(path, spec, signal_name, profile, draft)
        return None
    parameter_id = spec.parameter or signal.parameter or (signal_name if signal_name in draft.catalogue else name)
    parameter = draft.catalogue.get(parameter_id)
    if parameter is None:
        _refuse_parameter(path, spec, parameter_id, draft)
        return None
    if spec.quality.limits() and parameter.kind is not Kind.MEAN:
        draft.refuse((*path, "quality"), f"found limits for {parameter.id} (kind {parameter.kind}), allowed for means")
    convert = _conversion(path, spec, signal, parameter, draft)
    channel = Channel(
        name=name,
        parameter=parameter.id,
        unit=parameter.unit,
        kind=parameter.kind,
        device=device,
        signal=signal_name,
        interval_ms=interval_ms,
        expect=spec.expect,
        span=parameter.span,
        factor=convert.factor,
        shift=convert.shift,
        adjust=_adjust(spec.adjust, draft) if spec.adjust else None,
        datum_offset=spec.datum_offset,
        invert=spec.invert,
        debounce_ms=spec.debounce_ms or 0,
        climatology=spec.quality.climatology or (),
        trained=_trained(path, spec, parameter.id, draft),
        resolution=_resolution(spec, signal, convert),
        quality={**draft.quality.get(parameter.id, {}), **spec.quality.limits()},
    )
    return channel.model_copy(update={"span": _span(channel, signal, parameter)})


def _trained(path: tuple[Key, ...], spec: ChannelSpec, parameter: str, draft: Draft) -> str:
    """Return the file of the channel's trained model, empty for none; one of its own that does not fit is a finding."""
    if spec.quality.trained is None:
        return draft.trained.get(parameter, "")
    if spec.quality.trained and (message := draft.models.problem(spec.quality.trained, parameter)):
        draft.refuse((*path, "quality", "trained"), message)
    return spec.quality.trained


def _signal_name(name: str, spec: ChannelSpec) -> str:
    if spec.input is not None:
        return f"{'count' if spec.mm_per_tip else 'input'}_{spec.input}"
    return spec.signal or name


def _refuse_signal(path: tuple[Key, ...], spec: ChannelSpec, signal: str, profile: AnyProfile, draft: Draft) -> None:
    key = "input" if spec.input is not None else "signal"
    message = f"profile {profile.device}: {one_of(signal, profile.signals)}"
    if spec.signal is None and spec.input is None:
        draft.refuse_key(path, message)
    else:
        draft.refuse((*path, key), message)


def _refuse_parameter(path: tuple[Key, ...], spec: ChannelSpec, parameter: str, draft: Draft) -> None:
    if spec.parameter is None:
        message = f"found a channel without a parameter, allowed `parameter:` one of {', '.join(draft.catalogue)}"
        draft.refuse_key(path, message)
    else:
        draft.refuse((*path, "parameter"), one_of(parameter, draft.catalogue))


def _conversion(
    path: tuple[Key, ...], spec: ChannelSpec, signal: Signal, parameter: Parameter, draft: Draft
) -> Conversion:
    if spec.invert and signal.unit != "1":
        draft.refuse((*path, "invert"), f"found invert on a signal in {signal.unit}, allowed on digital inputs")
    if spec.debounce_ms is not None and signal.unit != "1":
        draft.refuse((*path, "debounce"), f"found debounce on a signal in {signal.unit}, allowed on digital inputs")
    if spec.mm_per_tip is not None and parameter.unit == "mm":
        return Conversion(spec.mm_per_tip)
    convert = conversion(signal.unit, parameter.unit, parameter.id)
    if convert is None:
        units = ", ".join(convertible(parameter.unit, parameter.id))
        message = (
            f"found signal unit {signal.unit!r} for parameter {parameter.id!r}, allowed a unit that converts: {units}"
        )
        draft.refuse_key(path, message)
        return Conversion(1.0)
    return convert


def _span(channel: Channel, signal: Signal, parameter: Parameter) -> tuple[float, float]:
    """Return what the instrument can measure, as published; a counter's range says nothing about its increase."""
    if signal.range is None or parameter.kind is Kind.SUM:
        return parameter.span
    low, high = sorted(channel.published(limit) for limit in signal.range)
    return low, high


def _resolution(spec: ChannelSpec, signal: Signal, convert: Conversion) -> float | None:
    """Return the smallest step that is told, in the catalogue's unit: as the file says, else as the profile does."""
    if spec.resolution is not None or signal.told_step is None:
        return spec.resolution
    step = signal.told_step * abs(convert.factor) * (abs(spec.adjust.scale) if spec.adjust else 1)
    return float(f"{step:.6g}") or None


def _adjust(spec: AdjustSpec, draft: Draft) -> Adjust:
    begins_ms = round(draft.midnight(spec.since).timestamp() * 1000)
    return Adjust(scale=spec.scale, offset=spec.offset, begins_ms=begins_ms, by=spec.by, why=spec.why)


def extras_of(
    device: str,
    specs: Mapping[str, ChannelSpec],
    channels: Mapping[str, Channel],
    gases: Iterable[Gas],
    draft: Draft,
) -> dict[str, Extra]:
    """Return the extra series that a device's channels ask for, by name; what does not fit becomes a finding."""
    extras: dict[str, Extra] = {}
    for name, channel in channels.items():
        kind = channel.kind
        for place, statistic in enumerate(specs[name].statistics):
            if kind is not Kind.MEAN and statistic != "count":
                path = ("devices", device, "channels", name, "statistics", place)
                draft.refuse(path, f"found {statistic!r} for {channel.parameter} (kind {kind}), allowed for it: count")
                continue
            extra = Extra(of=name, kind=statistic, channel=_extra_channel(channel, statistic))
            extras[extra.channel.name] = extra
        if kind is Kind.MEAN:
            extras |= {f"{name}_{gas}": Extra(of=name, kind=gas, channel=_extra_channel(channel, gas)) for gas in gases}
    return extras


def gases_of(device: str, spec: CalibrationSpec | None, profile: AnyProfile, draft: Draft) -> dict[Gas, str]:
    """Return by which signals a device says that it measures zero or span gas."""
    gases: tuple[Gas, ...] = ("zero", "span")
    found: dict[Gas, str] = {}
    for gas in gases:
        signal = getattr(spec, gas, None)
        if signal is not None and signal not in profile.signals:
            draft.refuse(("devices", device, "calibration", gas), one_of(signal, profile.signals))
        elif signal is not None:
            found[gas] = signal
    return found


def _extra_channel(of: Channel, kind: ExtraKind) -> Channel:
    beside = of.model_copy(update={"name": f"{of.name}_{kind}", "statistic": kind})
    if kind == "count":
        count = BUILT_IN["sample_count"]
        change = {"parameter": count.id, "unit": count.unit, "kind": count.kind, "span": count.span, "expect": None}
        return beside.model_copy(update=change)
    if kind in ("zero", "span"):
        # Zero and span are checked about once a day; there is a reading only in slots in which they were.
        return beside.model_copy(update={"interval_ms": DAY_MS, "expect": None})
    if kind == "sd":
        return beside.model_copy(update={"span": (0.0, of.span[1] - of.span[0]), "expect": None})
    return beside
