"""The registry of stations and channels as columns, valid until the feed reports `configuration`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.receiving.quotas import QuotasInForce

UNKNOWN: Final = -1
"""Index of a channel that is not in the registry."""
MOST_LAYOUTS: Final = 1000
"""Layouts remembered a station; more means somebody makes them up."""
MOST_NAMES: Final = 500
"""Names in a layout that is remembered; no device has so many channels."""


class Layout(NamedTuple):
    """Which channels a message lists, found once and used for every message alike."""

    channels: npt.NDArray[np.int32]
    """Index into the registry's columns, UNKNOWN where there is no such channel."""
    twice: npt.NDArray[np.bool_]
    """Where a channel is listed a second time."""


@dataclass(slots=True)
class KnownStation:
    """One station and the layouts of its messages seen so far."""

    name: str
    in_service_ms: int
    channels: dict[str, int] = field(default_factory=dict)
    """Index into the registry's columns by name."""
    layouts: dict[tuple[str, ...], Layout] = field(default_factory=dict)
    rate: float = 0.0
    """Messages a second that its channels can make, at most."""
    epochs: set[str] = field(default_factory=set)
    """Its books."""

    def layout(self, names: tuple[str, ...]) -> Layout:
        """Return the layout of a message that lists `names`."""
        found = self.layouts.get(names)
        return found if found is not None else self._learn(names)

    def _learn(self, names: tuple[str, ...]) -> Layout:
        channels = np.array([self.channels.get(name, UNKNOWN) for name in names], np.int32)
        first = {name: place for place, name in reversed([*enumerate(names)])}
        layout = Layout(channels, np.array([first[name] < place for place, name in enumerate(names)], np.bool_))
        if len(names) <= MOST_NAMES:
            if len(self.layouts) >= MOST_LAYOUTS:
                self.layouts.clear()
            self.layouts[names] = layout
        return layout


Bounds = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Lowest and highest value, one of each a channel, infinite where there is no bound."""


@dataclass(frozen=True, slots=True)
class Registry:
    """All stations and channels. The arrays have one entry a channel."""

    stations: dict[str, KnownStation]
    channel_id: npt.NDArray[np.int32]
    station_of: dict[int, str]
    """Station by channel_id."""
    span: Bounds
    plausible: Bounds
    expect: Bounds
    configured: int = 0
    """Id of the newest configuration change that is in here."""
    quotas: QuotasInForce | None = None
    """None: a person vouches for what comes (a replay, an import), and there are none."""

    @property
    def rates(self) -> dict[str, float]:
        """Messages a second that the channels of each station can make."""
        return {name: station.rate for name, station in self.stations.items()}

    def has_book(self, name: str, epoch: str) -> bool:
        """Tell whether a station has a book of this epoch, or may have one more, which is then counted."""
        station = self.stations.get(name)
        if station is None or self.quotas is None or epoch in station.epochs:
            return True
        if len(station.epochs) >= self.quotas.epochs:
            return False
        station.epochs.add(epoch)
        return True

    @classmethod
    def of(
        cls,
        stations: Iterable[tuple[str, int]],
        channels: Iterable[tuple[Any, ...]],
        configured: int = 0,
        *,
        rates: Mapping[str, float] | None = None,
        epochs: Iterable[tuple[str, str]] = (),
        quotas: QuotasInForce | None = None,
    ) -> Registry:
        """Build a registry from rows as STATIONS, CHANNELS, RATES and EPOCHS of its table return them."""
        known = {
            name: KnownStation(name, in_service_ms, rate=(rates or {}).get(name, 0.0))
            for name, in_service_ms in stations
        }
        for name, epoch in epochs:
            if name in known:
                known[name].epochs.add(epoch)
        rows = [row for row in channels if row[1] in known]
        for index, (_, station, name, *_) in enumerate(rows):
            known[station].channels[name] = index
        return cls(
            stations=known,
            channel_id=np.array([row[0] for row in rows], np.int32),
            station_of={row[0]: row[1] for row in rows},
            span=_bounds(rows, 3),
            plausible=_bounds(rows, 5),
            expect=_bounds(rows, 7),
            configured=configured,
            quotas=quotas,
        )


def unknown_station(name: str) -> str:
    """Return what a person should know of a station that is not in the registry."""
    return f"station {name} is not configured; quantrac stations apply adds it"


def _bounds(rows: list[tuple[Any, ...]], at: int) -> Bounds:
    low = np.array([-np.inf if row[at] is None else row[at] for row in rows], np.float64)
    high = np.array([np.inf if row[at + 1] is None else row[at + 1] for row in rows], np.float64)
    return low, high
