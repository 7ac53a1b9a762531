"""What network.yaml must agree on with itself and the stations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from quantrac.config.documents import Key, Tree, follow, keys_at
from quantrac.config.findings import Findings, one_of
from quantrac.config.network import NetworkFile
from quantrac.config.stations import Station


def check_network(
    network: NetworkFile,
    tree: Tree,
    groups: Collection[str],
    stations: Mapping[str, Station] | None,
    findings: Findings,
) -> None:
    """Refuse unknown groups and stations (`stations` None: not known yet), and contacts that cannot be reached."""

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
    if network.silence is not None:
        known(("silence", "to"), network.silence.to, groups)
    for name, contact in network.contacts.items():
        known(("contacts", name, "groups"), contact.groups, groups)
        known(("contacts", name, "stations"), contact.stations, stations)
        if not {"email", "phone"} & set(keys_at(tree, ("contacts", name))):
            refuse(("contacts", name), "found a contact without email and phone, allowed one of them or both")
