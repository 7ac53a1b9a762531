"""What anybody may read without signing in (`public` of network.yaml): which stations, held against which limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from quantrac.config.documents import Key
from quantrac.config.fields import Kebab, Model, PositiveDuration, matching, refused
from quantrac.config.findings import one_of, one_of_many
from quantrac.config.limits import LIMIT_NAME, Averaging, DecreeLimits, averaging_of
from quantrac.config.stations import Channel, Station
from quantrac.telemetry.words import Words

AIR_FORMULA: Final = "vn-aqi-hour"
"""Of the channel that an air station is shown by."""

LimitName = Annotated[str, matching(LIMIT_NAME, "the name of a limit, such as tcvn-13656-2023/salinity/intake")]


def _a_day_at_most(duration_ms: int) -> int:
    if duration_ms > 86_400_000:
        raise refused("at most 1d")
    return duration_ms


class Crop(Model):
    """For whom water is judged: which limits it must keep before it may be taken in, and where that is asked."""

    title: Words
    limits: tuple[LimitName, ...] = Field(min_length=1)
    """All must be kept; each station of the crop measures what they speak of."""
    stations: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_limit_a_parameter(self) -> Crop:
        named = [name.split("/")[1] for name in self.limits]
        if len(set(named)) < len(named):
            raise refused("one limit of each parameter")
        return self


class Cooperative(Model):
    """A group of farmers with a page of their own: the stations of their water."""

    title: Words
    stations: tuple[str, ...] = Field(min_length=1)


class PublicPages(Model):
    """What stands at /public."""

    oldest_ms: Annotated[PositiveDuration, AfterValidator(_a_day_at_most)] = Field(default=3_600_000, alias="oldest")
    """A value that is older answers nothing; at most 1d."""
    crops: dict[Kebab, Crop] = Field(default_factory=dict)
    air: tuple[str, ...] = ()
    """Stations that are shown by their VN_AQI."""
    cooperatives: dict[Kebab, Cooperative] = Field(default_factory=dict)

    @property
    def stations(self) -> tuple[str, ...]:
        """Every station that is shown, each once, in the order of the file."""
        named = (*(name for crop in self.crops.values() for name in crop.stations), *self.air)
        return tuple(dict.fromkeys(named))


def measuring(station: Station, parameter: str) -> list[Channel]:
    """Return the channels whose single values are held against a limit of a parameter."""
    return [
        channel
        for channel in station.all_channels()
        if channel.parameter == parameter and channel.statistic is None and averaging_of(channel) is Averaging.VALUE
    ]


def air_channel(station: Station) -> str | None:
    """Return the name of the channel with the hourly VN_AQI; None: the station has none."""
    return next((name for name, made in station.derived.items() if made.formula == AIR_FORMULA), None)


PublicProblems = Iterator[tuple[tuple[Key, ...], str]]
"""Where something is named, and what is wrong with it."""


def public_problems(public: PublicPages, stations: Mapping[str, Station], limits: DecreeLimits) -> PublicProblems:
    """Yield what is named and does not exist, or does not fit."""
    for name, crop in public.crops.items():
        path = ("public", "crops", name)
        yield from _of_limits((*path, "limits"), crop, limits)
        wanted = {limit.split("/")[1] for limit in crop.limits if limit in limits}
        for number, station in enumerate(crop.stations):
            if station not in stations:
                yield (*path, "stations", number), one_of_many(station, stations)
            elif lacks := sorted(one for one in wanted if not measuring(stations[station], one)):
                found = f"found a station that does not measure {', '.join(lacks)}"
                yield (*path, "stations", number), f"{found}, allowed one that measures all"
    for number, station in enumerate(public.air):
        if station not in stations:
            yield ("public", "air", number), one_of_many(station, stations)
        elif air_channel(stations[station]) is None:
            found = f"found a station without a derived channel of {AIR_FORMULA}"
            yield ("public", "air", number), f"{found}, allowed one that has it"
    for name, cooperative in public.cooperatives.items():
        for number, station in enumerate(cooperative.stations):
            if station not in public.stations:
                yield ("public", "cooperatives", name, "stations", number), one_of(station, public.stations)


def _of_limits(path: tuple[Key, ...], crop: Crop, limits: DecreeLimits) -> PublicProblems:
    for number, limit in enumerate(crop.limits):
        if limit not in limits:
            yield (*path, number), one_of_many(limit, limits)
        elif (average := limits[limit][-1].average) is not Averaging.VALUE:
            yield (*path, number), f"found a limit of means over {average}, allowed one of single values"
