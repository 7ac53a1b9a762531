"""What network.yaml must agree on with itself and the stations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from quantrac.config.documents import Key, Tree, follow, keys_at
from quantrac.config.findings import Findings, one_of
from quantrac.config.network import NetworkFile, Retention
from quantrac.config.stations import Station

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


def check_network(
    network: NetworkFile,
    tree: Tree,
    groups: Collection[str],
    stations: Mapping[str, Station] | None,
    findings: Findings,
) -> None:
    """Refuse unknown groups and stations (`stations` None: not known yet), and contacts that cannot be reached."""
    check_retention(network.retention, tree, findings)

    def known(path: tuple[Key, ...], names: Iterable[str], allowed: Iterable[str] | None) -> None:
        if allowed is None:
            return
        for number, name in enumerate(names):
            if name not in allowed:
                refuse((*path, number), one_of(name, allowed))

    def refuse(path: tuple[Key, ...], message: str) -> None:
        followed, place, _ = follow(tree, path)
        findings.add(place.problem(followed, message))

    for number, route in enumerate(network.routes):
        if route.to not in groups:
            refuse(("routes", number, "to"), one_of(route.to, groups))
    if network.quiet_hours is not None:
        known(("quiet_hours", "groups"), network.quiet_hours.groups, groups)
    for key, told in _told_of_faults(network):
        known(key, told, groups)
    for name, contact in network.contacts.items():
        known(("contacts", name, "groups"), contact.groups, groups)
        known(("contacts", name, "stations"), contact.stations, stations)
        if not {"email", "phone"} & set(keys_at(tree, ("contacts", name))):
            refuse(("contacts", name), "found a contact without email and phone, allowed one of them or both")


def _told_of_faults(network: NetworkFile) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return where groups stand that are told of what does not work, with the groups."""
    if network.silence is not None:
        yield ("silence", "to"), network.silence.to
        if network.silence.channels is not None:
            yield ("silence", "channels", "to"), network.silence.channels.to
    if network.carriers is not None:
        yield ("carriers", "to"), network.carriers.to
