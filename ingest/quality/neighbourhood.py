"""Which channels have neighbours that speak for them: the nearest stations of the same parameter within reach."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import cos, hypot, radians
from typing import Any, Final, NamedTuple

from ingest.quality.station_hours import StationHours
from ingest.quality.tables import FORGETS
from quantrac.database.feed import Change
from quantrac.database.pool import Connection
from quantrac.quality.neighbours import AGREEMENTS, COMPANION, FEWEST, MOST, TEST

KM_A_DEGREE: Final = 111.2
PLACED: Final = """
select c.channel_id, c.station, c.parameter, s.latitude::float8, s.longitude::float8, %(test)s = any(c.history_tests),
       c.history_limits
from channel c join station s using (station)
where c.active and s.active and not c.derived and c.kind = 'mean' and c.device is not null
  and c.parameter = any(%(parameters)s) and s.latitude is not null and s.longitude is not null
order by c.parameter, c.station, c.name <> c.parameter, c.name
"""
"""Of several channels of a parameter at one station the first speaks for it: the one that bears its name."""


class PlacedChannel(NamedTuple):
    """A channel with the place of its station."""

    channel_id: int
    station: str
    parameter: str
    latitude: float
    longitude: float
    is_tested: bool
    limits: Mapping[str, Any]
    """By test; of this one the score from which it blames."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A channel that its neighbours judge."""

    station: str
    parameter: str
    others: tuple[int, ...]
    """Channels of the neighbours, the nearest first."""
    score: float
    """From which it is suspect."""
    companion: tuple[int, ...] = ()
    """The station's channel of the parameter that shows weather of its own, and those of its neighbours."""

    def sources(self, own: int) -> set[int]:
        """Return all channels on which the verdict depends, of the channel with this number."""
        return {own, *self.others, *self.companion}


def neighbours_of(placed: Iterable[PlacedChannel]) -> dict[int, Neighbours]:
    """Return the channels that enough neighbours speak for. `placed`: by parameter and station, the first speaks."""
    found: dict[int, tuple[PlacedChannel, tuple[int, ...]]] = {}
    speaker: dict[tuple[str, str], int] = {}
    for parameter, same in groupby(placed, key=lambda each: each.parameter):
        every = list(same)
        first: dict[str, PlacedChannel] = {}
        for each in every:
            first.setdefault(each.station, each)
        speaker |= {(parameter, station): each.channel_id for station, each in first.items()}
        for each in every:
            near = _nearest(each, first.values(), AGREEMENTS[parameter].km)
            if len(near) >= FEWEST:
                found[each.channel_id] = each, near
    return {
        number: Neighbours(
            each.station, each.parameter, near, float(each.limits.get(TEST, 1.0)), _companion(each, found, speaker)
        )
        for number, (each, near) in found.items()
        if each.is_tested
    }


def _nearest(own: PlacedChannel, others: Iterable[PlacedChannel], most_km: float) -> tuple[int, ...]:
    apart = sorted(
        (km, other.station, other.channel_id)
        for other in others
        if other.station != own.station and (km := _km(own, other)) <= most_km
    )
    return tuple(channel_id for _, _, channel_id in apart[:MOST])


def _km(one: PlacedChannel, other: PlacedChannel) -> float:
    """Return the distance of two stations, which lie within some hundred kilometres, km."""
    east = (one.longitude - other.longitude) * cos(radians(one.latitude))
    return KM_A_DEGREE * hypot(one.latitude - other.latitude, east)


def _companion(
    own: PlacedChannel,
    found: Mapping[int, tuple[PlacedChannel, tuple[int, ...]]],
    speaker: Mapping[tuple[str, str], int],
) -> tuple[int, ...]:
    number = speaker.get((COMPANION.get(own.parameter, ""), own.station))
    return () if number is None or number not in found else (number, *found[number][1])


class Neighbourhood:
    """The neighbours of all channels and their hours, as they were last read; read again as `TestedChannels` is."""

    def __init__(self) -> None:
        self._conn: Connection | None = None
        self.hours = StationHours()
        self.judged: Mapping[int, Neighbours] = {}
        self._judged_by: Mapping[int, Collection[int]] = {}

    def refresh(self, conn: Connection, changes: Sequence[Change]) -> None:
        """Read the channels anew where another configuration may be in force."""
        if conn is self._conn and not any(change.cause in FORGETS for change in changes):
            return
        self.hours.forget()
        asked = {"test": TEST, "parameters": list(AGREEMENTS)}
        self.judged = neighbours_of(PlacedChannel(*row) for row in conn.execute(PLACED, asked))
        self._conn = conn
        judged_by: dict[int, set[int]] = {}
        for number, each in self.judged.items():
            for source in each.sources(number):
                judged_by.setdefault(source, set()).add(number)
        self._judged_by = judged_by

    def judged_by(self, channel_id: int) -> Collection[int]:
        """Return the channels whose verdict depends on this one."""
        return self._judged_by.get(channel_id, ())
