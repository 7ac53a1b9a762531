"""Checks of a device profile in itself."""

from __future__ import annotations

from collections.abc import Iterator

from quantrac.config.devices import AnyProfile, BayernHessenProfile, LineProfile, ModbusProfile, Sdi12Profile
from quantrac.config.documents import Key, Tree, follow, key_place, keys_at, plain
from quantrac.config.findings import Findings, one_of
from quantrac.config.units import conversion, convertible
from quantrac.config.validation import follow_signal, shown
from quantrac.telemetry.parameters import CATALOGUE


def check_profile(profile: AnyProfile, tree: Tree, findings: Findings) -> None:
    """Refuse tables, signals, parameters and units that a profile names and nobody knows."""
    for path, table in _tables(profile):
        if table not in profile.states:
            followed, place, _ = follow_signal(tree, path)
            findings.add(place.problem(followed, one_of(table, profile.states)))
    followed, place, here = follow(tree, ("golden",))
    if not followed or plain(here) == []:
        found = shown(here) if followed else "nothing"
        findings.add(place.problem(("golden",), f"found {found}, allowed at least 1 entries"))
    written = keys_at(tree, ("signals",))
    for number, golden in enumerate(profile.golden):
        for name in golden.gives:
            if name not in written:
                path = ("golden", number, "gives", name)
                findings.add(key_place(tree, path).problem(path, one_of(name, written)))
    _check_units(profile, tree, findings)
    _check_codes(profile, tree, findings)


def _tables(profile: AnyProfile) -> Iterator[tuple[tuple[Key, ...], str]]:
    if isinstance(profile, ModbusProfile | LineProfile):
        for name, signal in profile.signals.items():
            tables = [status.table for status in signal.status]
            yield from ((("signals", name, "status", number, "table"), table) for number, table in enumerate(tables))
    if isinstance(profile, ModbusProfile) and profile.directory is not None and profile.directory.table is not None:
        yield ("directory", "table"), profile.directory.table
    if isinstance(profile, BayernHessenProfile):
        yield from ((((key,), table) for key, table in (("status", profile.status), ("error", profile.error)) if table))
    if isinstance(profile, Sdi12Profile):
        named = [(name, signal.status) for name, signal in profile.signals.items()]
        yield from ((("signals", name, "status", "table"), status.table) for name, status in named if status)
    if isinstance(profile, Sdi12Profile) and profile.verify is not None:
        yield ("verify", "table"), profile.verify.table


def _check_units(profile: AnyProfile, tree: Tree, findings: Findings) -> None:
    for name, signal in profile.signals.items():
        path: tuple[Key, ...] = ("signals", name)
        if signal.parameter is not None and signal.parameter not in CATALOGUE:
            path = (*path, "parameter")
            findings.add(follow(tree, path)[1].problem(path, one_of(signal.parameter, CATALOGUE)))
            continue
        parameter = CATALOGUE.get(signal.parameter or name)
        if parameter is not None and conversion(signal.unit, parameter.unit, parameter.id) is None:
            path = (*path, "unit")
            units = ", ".join(convertible(parameter.unit, parameter.id))
            message = f"found {signal.unit!r}, allowed a unit that converts to {parameter.unit}: {units}"
            findings.add(follow(tree, path)[1].problem(path, message))


def _check_codes(profile: AnyProfile, tree: Tree, findings: Findings) -> None:
    if not isinstance(profile, ModbusProfile) or profile.directory is not None:
        return
    for name, signal in profile.signals.items():
        if signal.code is not None:
            path: tuple[Key, ...] = ("signals", name, "code")
            message = f"found code {signal.code} without a directory, allowed `at:`, or `directory:` in the profile"
            findings.add(follow(tree, path)[1].problem(path, message))
