"""Checks of network.yaml against itself and the stations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from quantrac.config.documents import Key, Tree, follow, keys_at
from quantrac.config.findings import Findings, one_of, one_of_many
from quantrac.config.limits import DecreeLimits
from quantrac.config.network import NetworkFile, Retention
from quantrac.config.public import public_problems
from quantrac.config.stations import Station
from quantrac.telemetry.parameters import BUILT_IN, Kind

WEEK_MS: Final = 7 * 86_400_000
Named = Iterator[tuple[tuple[Key, ...], str]]
"""Where a group or a station is named, and its name."""


def check_network(
    network: NetworkFile,
    tree: Tree,
    groups: Collection[str],
    stations: Collection[str] | None,
    findings: Findings,
) -> None:
    """Refuse unknown groups and stations (`stations` None: not known yet), and contacts that cannot be reached."""
    for path, message in _problems(network, tree, groups, stations):
        followed, place, _ = follow(tree, path)
        findings.add(place.problem(followed, message))


def check_public(
    network: NetworkFile, tree: Tree, stations: Mapping[str, Station], limits: DecreeLimits, findings: Findings
) -> None:
    """Refuse what `public` names and does not exist, or does not fit; `stations` are all and good."""
    if network.public is not None:
        for path, message in public_problems(network.public, stations, limits):
            followed, place, _ = follow(tree, path)
            findings.add(place.problem(followed, message))


def _problems(
    network: NetworkFile, tree: Tree, groups: Collection[str], stations: Collection[str] | None
) -> Iterator[tuple[tuple[Key, ...], str]]:
    yield from _of_retention(network.retention)
    for name in network.parameters:
        if name in BUILT_IN:
            yield ("parameters", name), f"found {name!r}, which the catalogue has, allowed an id of its own"
    known = {**network.own_parameters, **BUILT_IN}
    means = [parameter.id for parameter in known.values() if parameter.kind is Kind.MEAN]
    yield from ((("quality", name), one_of(name, means)) for name in network.quality if name not in means)
    yield from (
        (("quality", name, "climatology"), "found what is usual for a parameter, allowed for a channel of a station")
        for name, spec in network.quality.items()
        if spec.climatology is not None
    )
    yield from (
        (("samples", "tolerances", name), one_of(name, means))
        for name in network.samples.tolerances
        if name not in means
    )
    yield from ((path, one_of(name, groups)) for path, name in _groups(network) if name not in groups)
    if stations is not None:
        yield from ((path, one_of_many(name, stations)) for path, name in _stations(network) if name not in stations)
    for name, duty in network.duty.items():
        for day, shift in duty.swaps.items():
            if shift not in duty.shifts:
                yield ("duty", name, "swaps", day), one_of(shift, duty.shifts)
    for path, station in _in_second_tides(network):
        yield path, f"found {station} in a second tide, allowed in one"
    for name in network.contacts:
        if not {"email", "phone"} & set(keys_at(tree, ("contacts", name))):
            yield ("contacts", name), "found a contact without email and phone, allowed one of them or both"


def _of_retention(keep: Retention) -> Iterator[tuple[tuple[Key, ...], str]]:
    """Refuse what would let a late reading spoil a value whose other readings are gone."""
    if keep.hourly_ms is not None and (keep.readings_ms is None or keep.hourly_ms < keep.readings_ms + WEEK_MS):
        yield ("retention", "hourly"), "found less than readings and a week, allowed at least 7d more than readings"
    if keep.daily_ms is not None and (keep.hourly_ms is None or keep.daily_ms < keep.hourly_ms):
        yield ("retention", "daily"), "found less than hourly, allowed at least as long as hourly"


def _groups(network: NetworkFile) -> Named:
    for number, route in enumerate(network.routes):
        yield ("routes", number, "to"), route.to
    if network.quiet_hours is not None:
        yield from _each(("quiet_hours", "groups"), network.quiet_hours.groups)
    for name, duty in network.duty.items():
        yield ("duty", name), name
        yield from _each(("duty", name, "shifts"), duty.shifts)
    for number, step in enumerate(network.escalation):
        yield from _each(("escalation", number, "to"), step.to)
    for key in ("silence", "carriers", "books", "breaches", "clocks", "feed", "files", "ministry", "calibrations"):
        if (told := getattr(network, key)) is not None:
            yield from _each((key, "to"), told.to)
    if network.silence is not None and network.silence.channels is not None:
        yield from _each(("silence", "channels", "to"), network.silence.channels.to)
    for kind, plan in network.bulletins.items():
        yield from _each(("bulletins", kind.value, "to"), plan.to)
    for name, contact in network.contacts.items():
        yield from _each(("contacts", name, "groups"), contact.groups)


def _stations(network: NetworkFile) -> Named:
    for name, tide in network.tides.items():
        yield from _each(("tides", name, "stations"), tide.stations)
    for name, contact in network.contacts.items():
        yield from _each(("contacts", name, "stations"), contact.stations)


def _each(path: tuple[Key, ...], names: Iterable[str]) -> Named:
    return (((*path, number), name) for number, name in enumerate(names))


def _in_second_tides(network: NetworkFile) -> Named:
    seen: set[str] = set()
    for name, tide in network.tides.items():
        for path, station in _each(("tides", name, "stations"), tide.stations):
            if station in seen:
                yield path, station
            seen.add(station)
