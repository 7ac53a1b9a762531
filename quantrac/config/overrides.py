"""Overrides of a profile in a station file: single signals, defaults, state tables.

The device's `signals:` and `signal_defaults:` are laid over the profile's tree and the whole is checked again, so a
mistake is reported where it stands: in the station file, with its line.
"""

from __future__ import annotations

from quantrac.config.devices import AnyProfile
from quantrac.config.documents import Entry, Map, Tree, follow, merge
from quantrac.config.draft import Draft
from quantrac.config.findings import Findings, Problem, one_of
from quantrac.config.profile_files import make_profile
from quantrac.config.station_files import DeviceSpec

PARTS = (("signals", "signals"), ("signal_defaults", "defaults"))
"""Key of a device in the station file, and the profile's key that it is laid over."""


def own_profile(name: str, spec: DeviceSpec, profile: AnyProfile, draft: Draft) -> AnyProfile | None:
    """Return the profile as this device has it; None, and findings, when what the station file says is refused."""
    made: AnyProfile | None = profile
    if spec.signals or spec.signal_defaults:
        made = _merged(name, spec, draft)
    return None if made is None else _with_tables(name, spec, made, draft)


def _merged(name: str, spec: DeviceSpec, draft: Draft) -> AnyProfile | None:
    tree = draft.profile_trees[spec.profile]
    for ours, theirs in PARTS:
        path = ("devices", name, ours)
        followed, place, over = follow(draft.tree, path)
        if followed == path:
            tree = merge(tree, Map({theirs: Entry(place, over)}, place)) or tree
    found = Findings()
    made = make_profile(spec.profile, tree, found)
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
