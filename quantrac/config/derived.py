"""Derived channels of a station: the declarations in its file, joined with the formulas."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from quantrac.config.documents import Key
from quantrac.config.draft import Draft
from quantrac.config.findings import one_of
from quantrac.config.station_files import DerivedSpec
from quantrac.config.stations import CENTRE, Channel, Derived
from quantrac.telemetry.indices.formulas import FORMULAS, HOUR_MS, Basis, Formula, Input
from quantrac.telemetry.parameters import Kind, Parameter


def derived_of(
    specs: Mapping[str, DerivedSpec], measured: Mapping[str, Channel], taken: Collection[str], draft: Draft
) -> dict[str, Derived]:
    """Return the derived channels of a station, those before others that are made of them.

    Args:
        specs: what the file declares, by channel name.
        measured: the channels that devices send: what formulas may take.
        taken: every name that the edge uses.
        draft: where problems go, each with its line.
    """
    made: dict[str, Derived] = {}
    waiting = {name: spec for name, spec in specs.items() if _is_free(name, taken, draft)}
    while waiting:
        ready = [name for name, spec in waiting.items() if not _named(spec, specs) & waiting.keys()]
        if not ready:
            _refuse_circle(waiting, specs, draft)
            break
        for name in ready:
            known = {**measured, **{other: each.channel for other, each in made.items()}}
            derived = _make(name, waiting.pop(name), known, made, draft)
            if derived is not None:
                made[name] = derived
    return made


def _is_free(name: str, taken: Collection[str], draft: Draft) -> bool:
    if name in taken:
        message = f"found channel {name!r} a second time, allowed once a station (the edge sends it)"
        draft.refuse_key(("derived", name), message)
    return name not in taken


def _named(spec: DerivedSpec, specs: Mapping[str, DerivedSpec]) -> set[str]:
    """Return the derived channels that one is made of."""
    formula = FORMULAS[spec.formula]
    usual = {entry.channel for entry in formula.inputs if entry.name not in spec.inputs}
    return {used for used in (usual | set(spec.inputs.values()) | {spec.of}) if used is not None and used in specs}


def _refuse_circle(waiting: Mapping[str, DerivedSpec], specs: Mapping[str, DerivedSpec], draft: Draft) -> None:
    for name, spec in waiting.items():
        others = ", ".join(sorted(_named(spec, specs) & waiting.keys()))
        draft.refuse_key(("derived", name), f"found a channel made of {others}, which is made of it, allowed no circle")


def _make(
    name: str, spec: DerivedSpec, known: Mapping[str, Channel], made: Mapping[str, Derived], draft: Draft
) -> Derived | None:
    formula = FORMULAS[spec.formula]
    path: tuple[Key, ...] = ("derived", name)
    before = len(draft.findings.problems)
    _check_keys(path, spec, formula, draft)
    inputs = {
        entry.name: channel
        for entry in formula.inputs
        if (channel := _input(path, spec, entry, known, made, draft)) is not None
    }
    if draft.whole:
        _check_inputs(path, formula, inputs, draft)
    if len(draft.findings.problems) > before or not inputs:
        return None
    return Derived(
        formula=spec.formula,
        inputs={entry: channel.name for entry, channel in inputs.items()},
        options={"probe": spec.probe} if spec.probe else {},
        channel=_channel(name, formula, inputs, draft.catalogue),
    )


def _check_keys(path: tuple[Key, ...], spec: DerivedSpec, formula: Formula, draft: Draft) -> None:
    names = [entry.name for entry in formula.inputs]
    for key in spec.inputs:
        if key not in names:
            draft.refuse_key((*path, "inputs", key), f"formula {formula.name}: {one_of(key, names)}")
    if "of" in names and spec.of is None and "of" not in spec.inputs:
        draft.refuse(path, "found no `of`, allowed the channel of which the mean is made")
    if spec.of is not None and "of" not in names:
        draft.refuse((*path, "of"), f"found `of`, allowed for formula {formula.name}: inputs {{{', '.join(names)}}}")
    if spec.probe is not None and formula.name != "toxic-ammonia":
        draft.refuse((*path, "probe"), "found `probe`, allowed with formula toxic-ammonia")


def _input(
    path: tuple[Key, ...], spec: DerivedSpec, entry: Input, known: Mapping[str, Channel], made: Mapping[str, Derived],
    draft: Draft,
) -> Channel | None:  # fmt: skip
    """Return the channel of an input; None where it is left out, or refused with a finding."""
    written = spec.of if entry.name == "of" and spec.of is not None else spec.inputs.get(entry.name)
    at: tuple[Key, ...] = (*path, "of") if entry.name == "of" and spec.of is not None else (*path, "inputs", entry.name)
    name = written or entry.channel
    if name is None:
        return None
    if name not in known:
        if written is not None and draft.whole:
            draft.refuse(at, one_of(written, known))
        elif entry.required and draft.whole:
            draft.refuse(path, f"found no channel {name!r}, allowed `inputs: {{{entry.name}: channel}}` that names one")
        return None
    channel = known[name]
    if entry.parameter not in (None, channel.parameter):
        draft.refuse(at, f"found {name!r}, which is {channel.parameter}, allowed a channel of {entry.parameter}")
    elif channel.kind is not Kind.MEAN:
        draft.refuse(at, f"found {name!r} (kind {channel.kind}), allowed channels whose values are means")
    elif entry.hourly and (name not in made or FORMULAS[made[name].formula].basis not in (Basis.HOUR, Basis.HOURS)):
        draft.refuse(at, f"found {name!r}, allowed a derived channel with a value each hour, such as formula mean-1h")
    elif not entry.hourly and name in made and entry.parameter is None:
        draft.refuse(at, f"found {name!r}, allowed a channel that a device sends")
    return channel


def _check_inputs(path: tuple[Key, ...], formula: Formula, inputs: Mapping[str, Channel], draft: Draft) -> None:
    if formula.one_of and not inputs.keys() & set(formula.one_of):
        usual = ", ".join(str(entry.channel) for entry in formula.inputs if entry.name in formula.one_of)
        draft.refuse(path, f"found none of {', '.join(formula.one_of)}, allowed at least one of them ({usual})")
    fewest, names = formula.fewest
    if len(inputs.keys() & set(names)) < fewest:
        draft.refuse(path, f"found {len(inputs.keys() & set(names))} of {', '.join(names)}, allowed {fewest} or more")
    intervals = {channel.interval_ms for channel in inputs.values()}
    if formula.basis is Basis.MOMENT and len(intervals) > 1:
        seconds = ", ".join(f"{channel.name} {channel.interval_ms / 1000:g} s" for channel in inputs.values())
        draft.refuse(path, f"found inputs of different intervals ({seconds}), allowed one interval for all")
    if formula.basis is Basis.HOUR and any(HOUR_MS % interval for interval in intervals):
        draft.refuse(path, "found a channel whose interval does not divide an hour, allowed one that does")


def _channel(name: str, formula: Formula, inputs: Mapping[str, Channel], catalogue: Mapping[str, Parameter]) -> Channel:
    of = next(iter(inputs.values()))
    parameter = catalogue[formula.parameter or of.parameter]
    return Channel(
        name=name,
        parameter=parameter.id,
        unit=parameter.unit,
        kind=parameter.kind,
        device=CENTRE,
        signal=formula.name,
        interval_ms=formula.interval_ms(max(channel.interval_ms for channel in inputs.values())),
        span=of.span if formula.parameter is None else parameter.span,
        statistic="mean" if formula.parameter is None else None,
    )
