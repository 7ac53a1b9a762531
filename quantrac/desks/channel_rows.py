"""Channels of station files as rows of the database, and what differs from the rows in force."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ingest.quality.devices import CHECKS, DUST, judged_by
from ingest.quality.history import limits_at, limits_of
from quantrac.config.stations import AGENT, CENTRE, Channel
from quantrac.quality import climatology, neighbours, trained
from quantrac.telemetry.parameters import BUILT_IN, HOUSEKEEPING, Kind, parameter


class ChannelRow(NamedTuple):
    """A channel as table `channel` has it; intervals in seconds, limits in `unit`."""

    name: str
    parameter: str
    unit: str
    kind: str
    interval_s: float
    span_low: float | None
    span_high: float | None
    plausible_low: float
    plausible_high: float
    expect_low: float | None
    expect_high: float | None
    history_tests: list[str]
    history_limits: dict[str, Any]
    derived: bool = False
    active: bool = True
    device: str | None = None
    """None: the agent or the centre makes it."""
    resolution: float | None = None
    """The smallest step that its instrument tells, in `unit`; None: nobody knows."""


Model = Mapping[str, Any]
"""A trained model as `Network.models_at` gives it."""
NO_MODELS: Final[Mapping[str, Model]] = MappingProxyType({})


def channel_rows(channels: Iterable[Channel], models: Mapping[str, Model] = NO_MODELS) -> list[ChannelRow]:
    """Return the channels of a station as the database has them; `models`: by channel those that are good there."""
    every = list(channels)
    measured: dict[str, dict[str, Channel]] = {}
    for channel in every:
        if _is_measured(channel):
            measured.setdefault(channel.device, {})[channel.parameter] = channel
        elif channel.statistic in CHECKS:
            measured.setdefault(channel.device, {})[f"{channel.parameter}_{channel.statistic}"] = channel
    is_humid = any("humidity" in own for own in measured.values())
    judged = {
        device: judged_by(
            own.keys() | ({"humidity"} if is_humid and own.keys() & set(DUST) else set()),
            min(channel.interval_ms for channel in own.values()) / 1000,
        )
        for device, own in measured.items()
    }
    return [channel_row(channel, judged.get(channel.device, {}), models.get(channel.name)) for channel in every]


def channel_row(
    channel: Channel, judged: Mapping[str, Collection[str]] = MappingProxyType({}), model: Model | None = None
) -> ChannelRow:
    """Return a channel as the database has it.

    Args:
        channel: of a station file.
        judged: by test of its device the parameters that it judges.
        model: what was trained for it, where that is good.
    """
    catalogue = parameter(channel.parameter)
    span_low, span_high = channel.span or catalogue.span
    expect_low, expect_high = channel.expect or (None, None)
    plausible_low, plausible_high = channel.span if channel.statistic == "sd" else catalogue.plausible
    return ChannelRow(
        name=channel.name,
        parameter=channel.parameter,
        unit=channel.unit,
        kind=channel.kind.value,
        interval_s=channel.interval_ms / 1000,
        span_low=span_low,
        span_high=span_high,
        plausible_low=plausible_low,
        plausible_high=plausible_high,
        expect_low=expect_low,
        expect_high=expect_high,
        history_tests=_history_tests(channel, judged, model),
        history_limits=_history_limits(channel, model),
        derived=channel.device == CENTRE,
        device=None if channel.device in (AGENT, CENTRE) else channel.device,
        resolution=channel.resolution,
    )


def compared(
    existing: Iterable[ChannelRow], wanted: Iterable[ChannelRow]
) -> tuple[list[ChannelRow], list[str], list[str]]:
    """Return the rows to write, the names among them that are new, and the names to deactivate."""
    before = {row.name: row for row in existing}
    after = {row.name: row for row in wanted}
    write = [row for name, row in after.items() if before.get(name) != row]
    removed = [name for name, row in before.items() if row.active and name not in after]
    return write, [row.name for row in write if row.name not in before or not before[row.name].active], removed


def _is_measured(channel: Channel) -> bool:
    """Tell whether a channel is measured and has a mean: only those have tests with a history."""
    housekeeping = channel.device == AGENT or any(entry.id == channel.parameter for entry in HOUSEKEEPING)
    measured = channel.statistic is None and not housekeeping and channel.device != CENTRE
    return channel.kind is Kind.MEAN and measured


def _history_tests(channel: Channel, judged: Mapping[str, Collection[str]], model: Model | None) -> list[str]:
    """Return the tests that run on a channel: of its own history, of its device, and of the stations around."""
    if not _is_measured(channel):
        return []
    of_device = [
        name for name, parameters in judged.items() if channel.parameter in parameters and channel.quality.get(name, 1)
    ]
    own = [climatology.TEST] if channel.climatology else []
    if channel.parameter in neighbours.AGREEMENTS and channel.quality.get(neighbours.TEST, 1):
        own.append(neighbours.TEST)
    own += [trained.TEST] if model is not None else []
    return sorted([*limits_of(channel.parameter, channel.quality), *of_device, *own])


def _history_limits(channel: Channel, model: Model | None) -> dict[str, Any]:
    """Return the limits that are stored: those of the files, and for a parameter of the network's own all of them.

    The consumer that judges reads no files, so it knows the usual limits of built-in parameters alone: what coarse
    steps of an instrument ask for is stored, too.
    """
    of_parameter = {} if channel.parameter in BUILT_IN else limits_of(channel.parameter, channel.quality)
    usual = of_parameter | limits_at(channel.parameter, channel.resolution)
    limits = usual | channel.quality
    climate = {climatology.TEST: list(channel.climatology)} if channel.climatology else {}
    learnt = {trained.TEST: dict(model)} if model is not None else {}
    return {name: limit for name, limit in limits.items() if limit} | climate | learnt
