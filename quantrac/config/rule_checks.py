"""What rules, network settings and stations must agree on, and rules in themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from quantrac.config.documents import Key, Tree, follow, key_place, keys_at
from quantrac.config.findings import Findings, one_of
from quantrac.config.rules import (
    FARMING_TAGS,
    SEVERITIES,
    Instead,
    Level,
    LevelPart,
    LevelSpec,
    Rule,
    RulesFile,
    Selection,
)
from quantrac.config.stations import Station
from quantrac.telemetry.parameters import CATALOGUE


class RuleChecks:
    """Checks one rule file against everything else; problems go to the findings.

    `groups` are the names under `groups` in network.yaml. `stations` is None while stations have problems of their own:
    what depends on them is then not checked, so that one mistake is not reported again as its consequences.
    """

    def __init__(
        self, tree: Tree, groups: Collection[str], stations: Mapping[str, Station] | None, findings: Findings
    ) -> None:
        self._tree = tree
        self._groups = groups
        self._stations = stations
        self._findings = findings

    def check(self, file: RulesFile) -> None:
        """Check every rule of a file, and that its tests name stations and channels that exist."""
        for name, spec in file.rules.items():
            rule = Rule.model_construct(name=name, **dict(spec))
            self._check_watch(rule)
            for side in ("below", "above"):
                self._check_side(rule, side)
        if self._stations is not None:
            for number, test in enumerate(file.tests):
                for channel in test.series:
                    self._check_series(("tests", number, "series", channel), channel, self._stations)

    def check_expectations(self, file: RulesFile, rules: Mapping[str, Rule]) -> None:
        """Check that tests expect alarms of rules and levels that exist."""
        for number, test in enumerate(file.tests):
            for place, expected in enumerate(test.expect):
                path: tuple[Key, ...] = ("tests", number, "expect", place)
                rule = rules.get(expected.rule)
                if rule is None:
                    self._refuse((*path, "rule"), one_of(expected.rule, rules))
                elif expected.level not in (levels := _level_names(rule)):
                    self._refuse((*path, "level"), one_of(expected.level, levels))

    def _check_watch(self, rule: Rule) -> None:
        path: tuple[Key, ...] = ("rules", rule.name)
        if rule.watch.parameter not in CATALOGUE:
            self._refuse((*path, "watch", "parameter"), one_of(rule.watch.parameter, CATALOGUE))
        if self._stations is not None:
            self._check_selection((*path, "watch"), rule.watch, self._stations)
            channels = sorted({channel.name for s in self._stations.values() for channel in s.channel_list()})
            self._check_known((*path, "watch", "channels"), rule.watch.channels, channels)
            for number, instead in enumerate(rule.instead):
                self._check_selection((*path, "instead", number), instead, self._stations)

    def _check_selection(self, path: tuple[Key, ...], selection: Selection, stations: Mapping[str, Station]) -> None:
        tags = sorted({tag for station in stations.values() for tag in station.tags} | set(FARMING_TAGS))
        self._check_known((*path, "tags"), selection.tags, tags)
        self._check_known((*path, "stations"), selection.stations, stations)

    def _check_known(self, path: tuple[Key, ...], names: Iterable[str], known: Iterable[str]) -> None:
        for number, name in enumerate(names):
            if name not in known:
                self._refuse((*path, number), one_of(name, known))

    def _check_side(self, rule: Rule, side: str) -> None:
        base: dict[str, LevelSpec] = getattr(rule, side) or {}
        path: tuple[Key, ...] = ("rules", rule.name, side)
        self._check_levels(path, side, [_as_level(name, level) for name, level in base.items()])
        for name, spec in base.items():
            self._check_known((*path, name, "to"), spec.to, self._groups)
        for number, instead in enumerate(rule.instead):
            self._check_instead(("rules", rule.name, "instead", number, side), side, base, instead)

    def _check_instead(self, path: tuple[Key, ...], side: str, base: dict[str, LevelSpec], instead: Instead) -> None:
        parts: dict[str, LevelPart] = getattr(instead, side) or {}
        levels = []
        for name, part in parts.items():
            self._check_known((*path, name, "to"), part.to or (), self._groups)
            said = part.model_dump(exclude_none=True)
            merged = (base[name].model_dump() if name in base else {}) | said
            absent = [field.alias or key for key, field in LevelSpec.model_fields.items() if key not in merged]
            absent = [key for key in absent if key != "breaks_quiet_hours"]
            if absent and name not in base and name in keys_at(self._tree, (*path[:2], side)):
                continue  # the rule's own level was refused
            if absent:
                message = (
                    f"found a new level without {', '.join(absent)}, allowed a whole level, or part of one of the rule"
                )
                self._refuse_key((*path, name), message)
            else:
                levels.append(_as_level(name, LevelSpec.model_construct(**merged)))
        self._check_levels(path, side, levels)

    def _check_levels(self, path: tuple[Key, ...], side: str, levels: list[Level]) -> None:
        sign = 1 if side == "below" else -1
        for level in levels:
            if sign * level.clear < sign * level.limit:
                where = "at or above" if sign > 0 else "at or below"
                message = f"found {level.clear:g}, allowed {where} the limit {level.limit:g}"
                self._refuse((*path, level.name, "clear"), message)
        ordered = sorted(levels, key=lambda level: SEVERITIES.index(level.severity))
        for milder, worse in pairwise(ordered):
            if milder.severity != worse.severity and sign * worse.limit > sign * milder.limit:
                where = "at or below" if sign > 0 else "at or above"
                message = (
                    f"found {worse.limit:g}, allowed {where} {milder.limit:g}, the limit of the milder {milder.name!r}"
                )
                self._refuse((*path, worse.name, "limit"), message)

    def _check_series(self, path: tuple[Key, ...], channel: str, stations: Mapping[str, Station]) -> None:
        station, _, name = channel.partition("/")
        if station not in stations:
            self._refuse_key(path, one_of(station, stations))
            return
        names = [channel.name for channel in stations[station].channel_list()]
        if name not in names:
            self._refuse_key(path, one_of(name, names))

    def _refuse(self, path: tuple[Key, ...], message: str) -> None:
        followed, place, _ = follow(self._tree, path)
        self._findings.add(place.problem(followed, message))

    def _refuse_key(self, path: tuple[Key, ...], message: str) -> None:
        self._findings.add(key_place(self._tree, path).problem(path, message))


def _as_level(name: str, spec: LevelSpec) -> Level:
    return Level(name=name, **spec.model_dump())


def _level_names(rule: Rule) -> list[str]:
    sides = [rule.below, rule.above]
    sides_instead = [side for instead in rule.instead for side in (instead.below, instead.above)]
    return list(dict.fromkeys(name for side in (*sides, *sides_instead) for name in (side or {})))
