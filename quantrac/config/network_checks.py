"""Checks of network.yaml against itself and the stations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from quantrac.config.documents import Key, Tree, follow, key_place, keys_at
from quantrac.config.findings import Findings, one_of
from quantrac.config.network import NetworkFile, Retention
from quantrac.config.stations import Station
from quantrac.telemetry.parameters import CATALOGUE, Kind

WEEK_MS: Final = 7 * 86_400_000


def check_retention(keep: Retention, tree: Tree, findings: Findings) -> None:
    """Refuse what would let a late reading spoil a value whose other readings are gone."""
    for key, message in _retention_problems(keep):
        followed, place, _ = follow(tree, ("retention", key))
        findings.add(place.problem(followed, message))


def _retention_problems(keep: Retention) -> Iterator[tuple[str, str]]:
    if keep.hourly_ms is not None and (keep.readings_ms is None or keep.hourly_ms < keep.readings_ms + WEEK_MS):
        yield "hourly", "found less than readings and a week, allowed at least 7d more than readings"
    if keep.daily_ms is not None and (keep.hourly_ms is None or keep.daily_ms < keep.hourly_ms):
        yield "daily", "found less than hourly, allowed at least as long as hourly"


def check_quality(network: NetworkFile, tree: Tree, findings: Findings) -> None:
    """Refuse limits of quality tests for what has no means."""
    means = [parameter.id for parameter in CATALOGUE.values() if parameter.kind is Kind.MEAN]
    for name in network.quality:
        if name not in means:
            path = ("quality", name)
            findings.add(key_place(tree, path).problem(path, one_of(name, means)))


def check_network(
    network: NetworkFile,
    tree: Tree,
    groups: Collection[str],
    stations: Mapping[str, Station] | None,
    findings: Findings,
) -> None:
    """Refuse unknown groups and stations (`stations` None: not known yet), and contacts that cannot be reached."""
    check_retention(network.retention, tree, findings)
    check_quality(network, tree, findings)

    def known(path: tuple[Key, ...], names: Iterable[str], allowed: Iterable[str] | None) -> None:
        if allowed is None:
            return
        for number, name in enumerate(names):
            if name not in allowed:
                refuse((*path, number), one_of(name, allowed))

    def refuse(path: tuple[Key, ...], message: str) -> None:
        followed, place, _ = follow(tree, path)
        findings.add(place.problem(followed, message))

    for path, name in _rostered(network):
        if name not in groups:
            refuse(path, one_of(name, groups))
    for path, shift, shifts in _unknown_swaps(network):
        refuse(path, one_of(shift, shifts))
    for path, names, kind in _named(network):
        known(path, names, groups if kind == "group" else stations)
    for path, station in _in_second_tides(network):
        refuse(path, f"found {station} in a second tide, allowed in one")
    for name in _out_of_reach(network, tree):
        refuse(("contacts", name), "found a contact without email and phone, allowed one of them or both")


def _named(network: NetworkFile) -> Iterator[tuple[tuple[Key, ...], tuple[str, ...], str]]:
    """Yield where groups and stations are named, with the names."""
    if network.quiet_hours is not None:
        yield ("quiet_hours", "groups"), network.quiet_hours.groups, "group"
    for name, duty in network.duty.items():
        yield ("duty", name, "shifts"), duty.shifts, "group"
    for number, step in enumerate(network.escalation):
        yield ("escalation", number, "to"), step.to, "group"
    for key, told in _told_of_faults(network):
        yield key, told, "group"
    for name, tide in network.tides.items():
        yield ("tides", name, "stations"), tide.stations, "station"
    for name, contact in network.contacts.items():
        yield ("contacts", name, "groups"), contact.groups, "group"
        yield ("contacts", name, "stations"), contact.stations, "station"


def _rostered(network: NetworkFile) -> Iterator[tuple[tuple[Key, ...], str]]:
    """Yield where one group stands alone: routes and duty rosters."""
    for number, route in enumerate(network.routes):
        yield ("routes", number, "to"), route.to
    for name in network.duty:
        yield ("duty", name), name


def _unknown_swaps(network: NetworkFile) -> Iterator[tuple[tuple[Key, ...], str, tuple[str, ...]]]:
    for name, duty in network.duty.items():
        for day, shift in duty.swaps.items():
            if shift not in duty.shifts:
                yield ("duty", name, "swaps", day), shift, duty.shifts


def _told_of_faults(network: NetworkFile) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return where groups stand that are told of what does not work, with the groups."""
    if network.silence is not None:
        yield ("silence", "to"), network.silence.to
        if network.silence.channels is not None:
            yield ("silence", "channels", "to"), network.silence.channels.to
    own = {
        "carriers": network.carriers,
        "books": network.books,
        "feed": network.feed,
        "calibrations": network.calibrations,
    }
    for key, told in own.items():
        if told is not None:
            yield (key, "to"), told.to


def _in_second_tides(network: NetworkFile) -> Iterator[tuple[tuple[Key, ...], str]]:
    seen: set[str] = set()
    for name, tide in network.tides.items():
        for place, station in enumerate(tide.stations):
            if station in seen:
                yield ("tides", name, "stations", place), station
            seen.add(station)


def _out_of_reach(network: NetworkFile, tree: Tree) -> list[str]:
    return [name for name in network.contacts if not {"email", "phone"} & set(keys_at(tree, ("contacts", name)))]
