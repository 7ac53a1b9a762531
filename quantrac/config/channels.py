"""Channels of a station: a device's signal, named and converted to the catalogue's unit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from typing import Final

from quantrac.config.devices import AnyProfile, Signal
from quantrac.config.documents import Key
from quantrac.config.draft import Draft
from quantrac.config.findings import one_of
from quantrac.config.station_files import AdjustSpec, BoxSpec, ChannelSpec
from quantrac.config.stations import AGENT, Adjust, Channel
from quantrac.config.units import Conversion, conversion, convertible
from quantrac.telemetry.parameters import CATALOGUE, Kind, Parameter

AGENT_PARAMETERS: Final = ("disk_free", "clock_offset", "bus_errors", "spool_depth", "spool_lost")
ERROR_RATE: Final = "error_rate"


def agent_channels(interval_ms: int, devices: Iterable[str], box: BoxSpec) -> dict[str, Channel]:
    """Return the channels that the edge agent measures itself, among them an error rate for each device."""
    rates = {f"{device.replace('-', '_')}_{ERROR_RATE}": device for device in devices}
    names = [*AGENT_PARAMETERS, *(["cpu_temp"] if box.cpu_temp else []), *(["signal"] if box.modem else []), *rates]
    return {name: _agent_channel(name, rates.get(name), interval_ms) for name in names}


def _agent_channel(name: str, device: str | None, interval_ms: int) -> Channel:
    parameter = CATALOGUE[name if device is None else ERROR_RATE]
    return Channel(
        name=name,
        parameter=parameter.id,
        unit=parameter.unit,
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
    parameter_id = spec.parameter or signal.parameter or (signal_name if signal_name in CATALOGUE else name)
    parameter = CATALOGUE.get(parameter_id)
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
        quality={**draft.quality.get(parameter.id, {}), **spec.quality.limits()},
    )
    return channel.model_copy(update={"span": _span(channel, signal, parameter)})


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
        message = f"found a channel without a parameter, allowed `parameter:` one of {', '.join(CATALOGUE)}"
        draft.refuse_key(path, message)
    else:
        draft.refuse((*path, "parameter"), one_of(parameter, CATALOGUE))


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


def _adjust(spec: AdjustSpec, draft: Draft) -> Adjust:
    begin = datetime.combine(spec.since, time(), draft.zone)
    return Adjust(
        scale=spec.scale, offset=spec.offset, begins_ms=round(begin.timestamp() * 1000), by=spec.by, why=spec.why
    )
