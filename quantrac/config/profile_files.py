"""Device profiles: loaded, checked in themselves, and with what a station file changes for one device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from quantrac.config.devices import PROTOCOLS, AnyProfile
from quantrac.config.documents import (
    Entry,
    Key,
    Leaf,
    Map,
    Tree,
    follow,
    key_place,
    keys_at,
    merge,
    plain,
    read_document,
)
from quantrac.config.draft import Draft
from quantrac.config.findings import ConfigErrors, Findings, Problem, one_of
from quantrac.config.modbus import ModbusProfile
from quantrac.config.station_files import DeviceSpec
from quantrac.config.units import conversion, convertible
from quantrac.config.validation import check_stem, follow_signal, shown, validated
from quantrac.telemetry.parameters import BUILT_IN, Parameter

MOST_WIRE: Final = 0xFFFF
"""The highest address that a frame can name."""
PARTS: Final = (("signals", "signals"), ("signal_defaults", "defaults"))
"""Key of a device in the station file, and the profile's key that it is laid over."""


def load_profile(path: Path) -> AnyProfile:
    """Read and check one device profile, which may be without golden exchanges; raises ConfigErrors."""
    findings = Findings()
    tree = read_document(path, str(path), findings)
    profile = None if tree is None else make_profile(path.stem, tree, findings, unproven=True)
    findings.raise_if_any()
    if profile is None:
        raise ConfigErrors([Problem(str(path), 1, 1, "", "found an empty file, allowed a device profile")])
    return profile


def make_profile(
    stem: str, tree: Tree, findings: Findings, catalogue: Mapping[str, Parameter] = BUILT_IN, *, unproven: bool = False
) -> AnyProfile | None:
    """Return the profile of a tree; None when it is refused, with every reason among the findings.

    `unproven`: it may be without golden exchanges, as one that is being written, with its instrument at hand.
    """
    _, place, protocol = follow(tree, ("protocol",))
    named = isinstance(tree, Map) and "protocol" in tree.entries and isinstance(protocol, Leaf)
    word = protocol.value if named and isinstance(protocol, Leaf) else None
    if word not in PROTOCOLS:
        found = one_of(word, PROTOCOLS) if named else f"found nothing, allowed {', '.join(PROTOCOLS)}"
        findings.add(place.problem(("protocol",), found))
        return None
    model: type[AnyProfile] = PROTOCOLS[str(word)].profile
    before = len(findings.problems)
    profile: AnyProfile | None = validated(model, tree, findings)
    if profile is not None:
        check_stem(stem, "device", profile.device, tree, findings)
        check_profile(profile, tree, findings, catalogue)
        if not unproven:
            _refuse_unproven(tree, findings)
    return None if len(findings.problems) > before else profile


def _refuse_unproven(tree: Tree, findings: Findings) -> None:
    followed, place, here = follow(tree, ("golden",))
    if not followed or plain(here) == []:
        found = shown(here) if followed else "nothing"
        findings.add(place.problem(("golden",), f"found {found}, allowed at least 1 entries"))


def check_profile(profile: AnyProfile, tree: Tree, findings: Findings, catalogue: Mapping[str, Parameter]) -> None:
    """Refuse tables, signals, parameters and units that a profile names and nobody knows."""
    for path, table in profile.tables():
        if table not in profile.states:
            followed, place, _ = follow_signal(tree, path)
            findings.add(place.problem(followed, one_of(table, profile.states)))
    written = keys_at(tree, ("signals",))
    for number, golden in enumerate(profile.golden):
        for name in golden.gives:
            if name not in written:
                path = ("golden", number, "gives", name)
                findings.add(key_place(tree, path).problem(path, one_of(name, written)))
    _check_units(profile, tree, findings, catalogue)
    _check_codes(profile, tree, findings)
    if profile.verified and all(golden.origin != "captured" for golden in profile.golden):
        found = "found true without an exchange of a real instrument, allowed with one `from: captured` under golden"
        findings.add(follow(tree, ("verified",))[1].problem(("verified",), found))
    if isinstance(profile, ModbusProfile):
        _check_wire(profile, tree, findings)


def _check_units(profile: AnyProfile, tree: Tree, findings: Findings, catalogue: Mapping[str, Parameter]) -> None:
    for name, signal in profile.signals.items():
        path: tuple[Key, ...] = ("signals", name)
        if signal.parameter is not None and signal.parameter not in catalogue:
            path = (*path, "parameter")
            findings.add(follow(tree, path)[1].problem(path, one_of(signal.parameter, catalogue)))
            continue
        parameter = catalogue.get(signal.parameter or name)
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


def _check_wire(profile: ModbusProfile, tree: Tree, findings: Findings) -> None:
    """Refuse what stands outside the 65,536 addresses that a frame can name."""
    for path, at, words in profile.places():
        first = profile.address_base
        if at < 0 or at + words - 1 > MOST_WIRE:
            followed, place, _ = follow_signal(tree, path)
            counts = f"on the wire {at}" + (f"-{at + words - 1}" if words > 1 else "")
            allowed = f"allowed addresses {first}-{MOST_WIRE + first} (address_base {first}), the last register too"
            findings.add(place.problem(followed, f"found a register outside the instrument ({counts}), {allowed}"))


def own_profile(name: str, spec: DeviceSpec, profile: AnyProfile, draft: Draft) -> AnyProfile | None:
    """Return the profile as this device has it; None, and findings, when what the station file says is refused."""
    made: AnyProfile | None = profile
    if spec.signals or spec.signal_defaults:
        made = _merged(name, spec, draft)
    return None if made is None else _with_tables(name, spec, made, draft)


def _merged(name: str, spec: DeviceSpec, draft: Draft) -> AnyProfile | None:
    tree = draft.profiles.trees[spec.profile]
    for ours, theirs in PARTS:
        path = ("devices", name, ours)
        followed, place, over = follow(draft.tree, path)
        if followed == path:
            tree = merge(tree, Map({theirs: Entry(place, over)}, place)) or tree
    found = Findings()
    made = make_profile(spec.profile, tree, found, draft.catalogue)
    for problem in found.problems:
        draft.findings.add(_at_the_device(problem, name, draft.tree))
    return made


def _at_the_device(problem: Problem, name: str, station: Tree) -> Problem:
    """Name a problem by the key that the station file has, where it stands in the station file."""
    if problem.file != station.place.file:
        return problem
    head, _, rest = problem.key.partition(".")
    ours = {theirs: mine for mine, theirs in PARTS}.get(head, head)
    key = f"devices.{name}.{ours}{'.' if rest else ''}{rest}"
    return Problem(problem.file, problem.line, problem.column, key, problem.message)


def _with_tables(name: str, spec: DeviceSpec, profile: AnyProfile, draft: Draft) -> AnyProfile:
    states = dict(profile.states)
    for table, instead in spec.tables.items():
        path = ("devices", name, "tables", table)
        if table not in profile.states:
            draft.refuse_key(path, one_of(table, profile.states))
        elif instead not in profile.states:
            draft.refuse(path, one_of(instead, profile.states))
        else:
            states[table] = profile.states[instead]
    return profile if states == profile.states else profile.model_copy(update={"states": states})
