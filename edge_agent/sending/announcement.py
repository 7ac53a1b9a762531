"""What stands in birth, status and last will, in which a station reports on itself (docs/wire.md). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Final, NamedTuple

from edge_agent.spooling.fate import EpochSpan, SpoolFate
from edge_agent.spooling.ranges import RangeSet
from quantrac.config.stations import Station
from quantrac.telemetry.wire import Birth, BirthChannel, Held, Status, encode

MOST_REFUSED: Final = 2000
"""Seqs given up that one status names; the rest follow when these are settled."""


class Identity(NamedTuple):
    """The identity of the agent, constant while it runs."""

    station: str
    agent: str
    """Name and version of the program."""
    config: str
    """sha256 of the resolved station."""
    channels: list[BirthChannel]


def identity_of(station: Station) -> Identity:
    """Return the identity of a station for its birth."""
    channels = [BirthChannel(c.name, c.parameter, c.unit, c.interval_ms / 1000) for c in station.channel_list()]
    return Identity(station.station, f"quantrac {version('quantrac')}", station.config_hash, channels)


def held(spans: Iterable[EpochSpan], fate: SpoolFate) -> dict[str, Held]:
    """Return for every epoch the range of seq held, and what of it is given up and not yet settled."""
    given_up = RangeSet([*fate.refused, *fate.lost]).minus(fate.settled)
    return {span.name: Held(span.first, span.last, _seqs(span, given_up)) for span in spans}


def birth(identity: Identity, epoch: str, epochs: dict[str, Held], now_ms: int) -> bytes:
    """Return the payload of `birth`."""
    return encode(Birth(epoch, epochs, now_ms, identity.agent, identity.config, identity.channels))


def last_will(now_ms: int) -> bytes:
    """Return the last will: as old as the connection, so without epochs."""
    return encode(Status(online=False, t=now_ms))


def _seqs(span: EpochSpan, places: RangeSet) -> list[int]:
    found: list[int] = []
    for part in places.within(span.base + span.first, span.base + span.last):
        found.extend(range(part.lo - span.base, part.hi - span.base + 1)[: MOST_REFUSED - len(found)])
        if len(found) >= MOST_REFUSED:
            break
    return found
