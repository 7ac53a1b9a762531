"""The ministry's files of a station: symbol and unit of each channel there, from its file and the catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from quantrac.config.documents import Key, Tree, follow
from quantrac.config.draft import Draft
from quantrac.config.findings import Findings, one_of
from quantrac.config.receivers import BROKERS, Receiver
from quantrac.config.station_files import MinistryChannelSpec, MinistrySpec
from quantrac.config.stations import Channel, Ministry, MinistryLine, Station
from quantrac.config.units import FILED, WRITTEN, Conversion, conversion
from quantrac.telemetry.parameters import HOUSEKEEPING

NOT_SENT = frozenset(parameter.id for parameter in HOUSEKEEPING)
"""What a file holds only where the station file names it."""


def ministry_of(spec: MinistrySpec | None, measured: Mapping[str, Channel], draft: Draft) -> Ministry | None:
    """Return how the station appears in the ministry's files; None: not at all.

    Every channel that a device measures has a line, under the catalogue's symbol and unit unless the file says others,
    or is left out by name: a channel that is neither becomes a finding, so that none is missing by mistake.
    """
    if spec is None:
        return None
    if draft.whole:
        _check_names(spec, measured, draft)
    lines = [
        line
        for name, channel in measured.items()
        if _is_sent(name, channel, spec)
        and (line := _line(channel, spec.channels.get(name, MinistryChannelSpec()), draft)) is not None
    ]
    _check_symbols(lines, draft)
    for place, receiver in enumerate(spec.receivers):
        if receiver not in draft.receivers:
            draft.refuse(("ministry", "receivers", place), one_of(receiver, draft.receivers))
        elif receiver in spec.receivers[:place]:
            draft.refuse(("ministry", "receivers", place), f"found {receiver!r} twice, allowed once")
    return Ministry(
        code=spec.code,
        folder=spec.folder,
        file=spec.file,
        valid_share=spec.valid_share,
        lines=tuple(lines),
        receivers=spec.receivers,
    )


def check_places(
    stations: Mapping[str, Station], receivers: Mapping[str, Receiver], trees: Mapping[str, Tree], findings: Findings
) -> None:
    """Refuse stations whose files would stand in each other's place at a receiver, or come under one topic."""
    first: dict[tuple[str, str], str] = {}
    for name, station in stations.items():
        if (plan := station.ministry) is None or name not in trees:
            continue
        path = f"{plan.folder}/{plan.file}".replace("{code}", plan.code)
        for receiver in plan.receivers:
            if receiver not in receivers:
                continue
            other = first.setdefault((receiver, receivers[receiver].place_of(path)), name)
            if other != name:
                is_broker = receivers[receiver].way in BROKERS
                found, allowed = _CLASH[is_broker]
                message = f"found {found} for {receiver} as station {other!r}, allowed {allowed}"
                findings.add(follow(trees[name], ("ministry", "code"))[1].problem(("ministry", "code"), message))


_CLASH = {
    False: ("the same folder and name of files", "another code, with {code} in `folder` or `file`"),
    True: ("the same topic", "a receiver each, or {path} or {name} in its `topic`"),
}


def _is_sent(name: str, channel: Channel, spec: MinistrySpec) -> bool:
    return name not in spec.left_out and (name in spec.channels or channel.parameter not in NOT_SENT)


def _check_names(spec: MinistrySpec, measured: Mapping[str, Channel], draft: Draft) -> None:
    for name in spec.channels:
        if name not in measured:
            draft.refuse_key(("ministry", "channels", name), one_of(name, measured))
    for place, name in enumerate(spec.left_out):
        path = ("ministry", "left_out", place)
        if name not in measured:
            draft.refuse(path, one_of(name, measured))
        elif name in spec.channels:
            draft.refuse(path, f"found {name!r}, which stands under `channels` too, allowed in one of both")


def _line(channel: Channel, spec: MinistryChannelSpec, draft: Draft) -> MinistryLine | None:
    path: tuple[Key, ...] = ("ministry", "channels", channel.name)
    parameter = draft.catalogue[channel.parameter]
    symbol = spec.symbol or parameter.symbol
    if symbol is None:
        ways = f"`channels: {{{channel.name}: {{symbol: …}}}}` or `left_out: [{channel.name}]`"
        draft.refuse(path, f"found no symbol for channel {channel.name!r} ({channel.parameter}), allowed {ways}")
    unit = spec.unit or FILED.get(channel.unit, channel.unit)
    convert = _conversion(unit, channel)
    if convert is None:
        allowed = ", ".join(_units_of(channel))
        message = (
            f"found {unit!r} for channel {channel.name!r} in {channel.unit}, allowed a unit that converts: {allowed}"
        )
        draft.refuse((*path, "unit"), message)
    if symbol is None or convert is None:
        return None
    decimals = spec.decimals
    if decimals is None:  # as fine a step as in the catalogue's unit
        decimals = max(0, parameter.decimals - round(math.log10(convert.factor)))
    return MinistryLine(
        channel=channel.name,
        symbol=symbol,
        unit=unit,
        factor=convert.factor,
        shift=convert.shift,
        decimals=decimals,
        kind=parameter.kind,
    )


def _conversion(unit: str, channel: Channel) -> Conversion | None:
    code = channel.unit if unit == FILED.get(channel.unit) else WRITTEN.get(unit.lower(), unit)
    return conversion(channel.unit, code, channel.parameter)


def _units_of(channel: Channel) -> Iterator[str]:
    """Yield how a file may write the channel's unit, for error texts."""
    yield FILED.get(channel.unit, channel.unit)
    for text, code in WRITTEN.items():
        if code != channel.unit and " " not in text and conversion(channel.unit, code, channel.parameter):
            yield text


def _check_symbols(lines: list[MinistryLine], draft: Draft) -> None:
    first: dict[str, str] = {}
    for line in lines:
        other = first.setdefault(line.symbol.casefold(), line.channel)
        if other != line.channel:
            path = ("ministry", "channels", line.channel)
            message = (
                f"found symbol {line.symbol!r} twice, allowed once a file (channel {other!r} has it): "
                f"give {line.channel!r} another one, or `left_out: [{line.channel}]`"
            )
            draft.refuse(path, message)
