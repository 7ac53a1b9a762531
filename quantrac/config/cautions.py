"""What is allowed in the files and hardly meant: each would otherwise be silent. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from statistics import median
from typing import Final

from quantrac.config.composites import Composite
from quantrac.config.network import Network
from quantrac.config.receivers import BROKERS, OPEN
from quantrac.config.rules import Rule, Selection
from quantrac.config.stations import Station

UNSTABLE_PORT: Final = re.compile(r"/dev/tty(USB|ACM)\d+")
"""Numbered in the order in which the kernel finds the adapters."""
LEAST_FAR_KM: Final = 100.0
FAR: Final = 5.0
"""So many times the median distance from the middle of the network is outside it."""
KM_A_DEGREE: Final = 111.2


def cautions(network: Network, now: datetime) -> list[str]:
    """Return one line for each of them: of the stations, then of the rules."""
    own = (line for _, station in sorted(network.stations.items()) for line in _of_station(station, network, now))
    of_stations = [*own, *network.models_off(), *_far_away(network.stations)]
    return [*of_stations, *_open_ways(network), *rule_cautions(network, now)]


def rule_cautions(network: Network, now: datetime) -> list[str]:
    """Return what rules leave out, and what they name in vain.

    Rules that watch nothing here, channels that they name and no station has, tags that no rule selects, channels that
    a rule for their parameter leaves out, and unwatched ones; but for what `unwatched` in network.yaml names. Then
    limits that rules name: that nobody read in their decree, and of which no figure is in force.
    """
    of_rules = [*_watching_nothing(network), *_absent_channels(network), *_unselected_tags(network)]
    return [*of_rules, *_unwatched(network), *_unconfirmed(network), *_not_in_force(network, now)]


def _of_station(station: Station, network: Network, now: datetime) -> Iterator[str]:
    if station.spool.warning:
        yield f"{station.station}: {station.spool.warning}"
    if station.in_service > now:
        day = station.in_service.astimezone(network.zone).date()
        yield f"{station.station}: in_service: {day} is in the future; until then its agent sends nothing"
    ports = {f"buses.{name}.port": bus.port or "" for name, bus in station.buses.items()}
    if station.modem is not None:
        ports["modem.port"] = station.modem.port
    for key, port in ports.items():
        if UNSTABLE_PORT.fullmatch(port):
            advice = "may be another adapter after a restart; write its name in /dev/serial/by-id"
            yield f"{station.station}: {key}: {port} {advice}"


def _far_away(stations: Mapping[str, Station]) -> Iterator[str]:
    """Yield the stations that stand outside the network: latitude and longitude mixed up, a digit too few."""
    places = {name: (s.location.latitude, s.location.longitude) for name, s in sorted(stations.items())}
    if len(places) < 3:
        return
    middle = median(latitude for latitude, _ in places.values()), median(longitude for _, longitude in places.values())
    distances = {name: _km(place, middle) for name, place in places.items()}
    far = max(LEAST_FAR_KM, FAR * median(distances.values()))
    for name, distance in distances.items():
        if distance > far:
            at = f"{places[name][0]:g}, {places[name][1]:g}"
            yield f"{name}: location: {at} is {distance:.0f} km from the middle of the network; is it right?"


def _open_ways(network: Network) -> Iterator[str]:
    for name, receiver in network.settings.receivers.items():
        if receiver.way in OPEN:
            better = "mqtts" if receiver.way in BROKERS else "ftps or sftp"
            yield f"receivers.{name}: way: {receiver.way} shows its password to all on the line; ask for {better}"


def _km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance of two places, well enough for a network: degrees as on a plane at their latitude."""
    east = (one[1] - other[1]) * math.cos(math.radians((one[0] + other[0]) / 2))
    return math.hypot(one[0] - other[0], east) * KM_A_DEGREE


def _watching_nothing(network: Network) -> Iterator[str]:
    """Yield the rules that the stations give nothing to watch: a library has more of them than any network needs."""
    rules: list[Rule | Composite] = [*network.rules.values(), *network.composites.values()]
    stations = network.stations.values()
    if idle := [rule.name for rule in rules if not any(rule.channels_at(station) for station in stations)]:
        yield f"rules that watch nothing, for no station has such a channel: {', '.join(sorted(idle))}"


def _absent_channels(network: Network) -> Iterator[str]:
    """Yield names that stand for nothing in rules that do watch something."""
    stations = network.stations.values()
    there = {channel.name for station in stations for channel in station.all_channels()}
    for rule in network.rules.values():
        absent = [name for name in rule.watch.channels if name not in there]
        if absent and any(rule.channels_at(station) for station in stations):
            yield f"rule {rule.name}: no station has channel {', '.join(absent)}"


def _unselected_tags(network: Network) -> Iterator[str]:
    rules, composites = network.rules.values(), network.composites.values()
    selections: list[Selection] = [*(rule.watch for rule in rules), *(composite.watch for composite in composites)]
    selections += [part for rule in rules for part in rule.instead]
    selected = {tag for selection in selections for tag in selection.tags}
    tags = {tag for station in network.stations.values() for tag in station.tags}
    if unselected := sorted(tags - selected - set(network.settings.unwatched.tags)):
        yield f"tags that no rule selects: {', '.join(unselected)}"


def _unconfirmed(network: Network) -> Iterator[str]:
    for rule in network.rules.values():
        for name, versions in rule.named.items():
            if not all(limit.confirmed for limit in versions):
                yield f"rule {rule.name}: limit {name} is unconfirmed: read it in {versions[-1].decree}"


def _not_in_force(network: Network, now: datetime) -> Iterator[str]:
    day = now.astimezone(network.zone).date()
    for rule in network.rules.values():
        for name, versions in rule.named.items():
            if not any(limit.holds_on(day) for limit in versions):
                yield f"rule {rule.name}: limit {name} has no figure in force on {day}: nothing rises above or below it"


def _unwatched(network: Network) -> Iterator[str]:
    """Yield what raises no alarm; the agent's own channels are for the technician.

    What a watched channel is made of is watched in it; of indices and means one at a station is enough.
    """
    watched = set(_watched(network))
    parameters = {rule.watch.parameter for rule in network.rules.values()}
    left_out: list[str] = []
    never: dict[str, None] = {}
    for name, station in sorted(network.stations.items()):
        own = _with_sources(station, {channel for place, channel in watched if place == name})
        indices = {derived.channel.parameter for made, derived in station.derived.items() if made in own}
        for channel in station.all_channels():
            is_own = channel.name in station.agent_channels
            is_told = channel.name in own or (channel.name in station.derived and channel.parameter in indices)
            if channel.statistic is not None or is_own or is_told:
                continue
            if channel.parameter in parameters:
                left_out.append(f"{name}/{channel.name}")
            elif channel.parameter not in network.settings.unwatched.parameters:
                never[channel.parameter] = None
    if left_out:
        yield f"channels that no rule watches, though rules watch their parameter elsewhere: {', '.join(left_out)}"
    if never:
        yield f"parameters that no rule watches: {', '.join(never)}"


def _with_sources(station: Station, channels: set[str]) -> set[str]:
    """Return channels of a station and all that they are made of."""
    found = set(channels)
    for name, derived in reversed(station.derived.items()):  # a channel stands behind those that it is made of
        if name in found:
            found |= set(derived.inputs.values())
    return found


def _watched(network: Network) -> Iterable[tuple[str, str]]:
    for name, station in network.stations.items():
        for rule in network.rules.values():
            yield from ((name, channel.name) for channel in rule.channels_at(station))
        for composite in network.composites.values():
            yield from ((name, channel.name) for channel in (composite.channels_at(station) or {}).values())
