"""Checks of rules in themselves, and against network settings and stations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from quantrac.config.composites import Composite
from quantrac.config.documents import Key, Leaf, Tree, follow, key_place, keys_at
from quantrac.config.findings import Findings, one_of, one_of_many
from quantrac.config.limits import Averaging, DecreeLimits, averaging_of
from quantrac.config.rule_files import LoadedRules, RuleTest, TestPlace
from quantrac.config.rules import (
    FARMING_TAGS,
    LULL,
    OF_AN_INDEX,
    PLACE_TAGS,
    Instead,
    LevelPart,
    LevelSpec,
    Rationale,
    Rule,
    Selection,
    Side,
)
from quantrac.config.stations import Station
from quantrac.config.tides import TIDE_PHASES
from quantrac.telemetry.parameters import Parameter


@dataclass(frozen=True)
class RuleChecks:
    """Checks one rule file against everything else; problems go to the findings."""

    tree: Tree
    groups: Collection[str]
    """The names under `groups` in network.yaml."""
    stations: Mapping[str, Station] | None
    """None while stations have problems of their own: what depends on them is then not checked, so that one mistake is
    not reported again as its consequences."""
    findings: Findings
    tidal: Collection[str]
    """The stations that a tide of network.yaml names."""
    catalogue: Mapping[str, Parameter]
    """The parameters that a rule may watch."""
    limits: DecreeLimits
    """Those that levels may name."""

    def check(self, file: LoadedRules) -> None:
        """Check every rule of a file, and that its tests name stations and channels that exist."""
        for rule in file.rules.values():
            self._check_watch(rule)
            for side in Side:
                self._check_side(rule, side)
        for composite in file.composites.values():
            self._check_composite(composite, file)
        for number, test in enumerate(file.tests):
            self._check_places(("tests", number, "places"), test.places)
            for key, channels in (("series", test.series), ("normals", test.normals)):
                for channel in channels:
                    self._check_series(("tests", number, key, channel), channel, test)

    def check_expectations(self, file: LoadedRules, levels: Mapping[str, Collection[str]]) -> None:
        """Check that tests expect alarms of rules and levels that exist: names of levels by rule."""
        for number, test in enumerate(file.tests):
            for place, expected in enumerate(test.expect):
                path: tuple[Key, ...] = ("tests", number, "expect", place)
                if expected.rule not in levels:
                    self._refuse((*path, "rule"), one_of(expected.rule, levels))
                elif expected.level not in levels[expected.rule]:
                    self._refuse((*path, "level"), one_of(expected.level, levels[expected.rule]))

    def _check_watch(self, rule: Rule) -> None:
        path: tuple[Key, ...] = ("rules", rule.name)
        if rule.watch.parameter not in self.catalogue:
            self._refuse((*path, "watch", "parameter"), one_of(rule.watch.parameter, self.catalogue))
        if rule.watch.parameter != "vn_aqi" or rule.watch.measure != "value":
            self._check_texts(path, rule)
        if self.stations is not None:
            for number, instead in enumerate(rule.instead):
                self._check_selection((*path, "instead", number), instead, self.stations)
            self._check_stations(path, rule, self.stations)

    def _check_texts(self, path: tuple[Key, ...], rule: Rationale) -> None:
        """Check that the messages of a rule that has no values of VN_AQI name nothing of it."""
        for key, text in (("sms", rule.sms), ("sms_cleared", rule.sms_cleared)):
            named = [name for name in OF_AN_INDEX if text is not None and "{" + name + "}" in text.vi + text.en]
            if named:
                self._refuse((*path, key), f"found {{{named[0]}}}, allowed in a rule that watches values of vn_aqi")

    def _check_stations(self, path: tuple[Key, ...], rule: Rule | Composite, stations: Mapping[str, Station]) -> None:
        self._check_selection((*path, "watch"), rule.watch, stations)
        watched = [station.station for station in stations.values() if rule.channels_at(station)]
        self._check_tide(path, rule, watched)
        self._check_picture(path, rule, watched, stations)

    def _check_tide(self, path: tuple[Key, ...], rule: Rationale, watched: Iterable[str]) -> None:
        without = [station for station in watched if station not in self.tidal]
        if rule.valid.tide != TIDE_PHASES and without:
            message = f"found phases for {without[0]}, allowed only at stations that a tide of network.yaml names"
            self._refuse((*path, "valid", "tide"), message)

    def _check_picture(
        self, path: tuple[Key, ...], rule: Rationale, watched: Iterable[str], stations: Mapping[str, Station]
    ) -> None:
        seeing = [station for station in watched if stations[station].cameras]
        allowed = f"a list of those that it watches and that have one: {', '.join(seeing) or 'there are none'}"
        if isinstance(rule.picture, bool):
            blind = [station for station in watched if station not in seeing] if rule.picture else []
            if blind:
                self._refuse((*path, "picture"), f"found true where {blind[0]} has no camera, allowed {allowed}")
            return
        for number, name in enumerate(rule.picture):
            if name not in stations:
                self._refuse((*path, "picture", number), one_of_many(name, stations))
            elif name not in seeing:
                why = "has no camera" if name in watched else "is not watched by the rule"
                self._refuse((*path, "picture", number), f"found {name}, which {why}, allowed {allowed}")

    def _check_composite(self, rule: Composite, file: LoadedRules) -> None:
        path: tuple[Key, ...] = ("composites", rule.name)
        if rule.name in file.rules:
            self._refuse_key(path, "found the name of a rule of this file, allowed once in all rule files")
        self._check_texts(path, rule)
        for name, condition in rule.conditions.items():
            if condition.parameter not in self.catalogue:
                known = one_of(condition.parameter, self.catalogue)
                self._refuse((*path, "conditions", name, "parameter"), known)
        named = set(rule.when.names())
        for name in sorted(named - set(rule.conditions)):
            self._refuse((*path, "when"), one_of(name, rule.conditions))
        for name in sorted(set(rule.conditions) - named):
            self._refuse_key((*path, "conditions", name), "found a condition that `when` does not name, allowed none")
        for name, level in rule.holds.items():
            self._check_known((*path, "holds", name, "to"), level.to, self.groups)
        self._check_names((*path, "holds"), rule.holds)
        if self.stations is not None:
            channels = _channel_names(self.stations)
            for name, condition in rule.conditions.items():
                if condition.channel is not None and condition.channel not in channels:
                    self._refuse((*path, "conditions", name, "channel"), one_of(condition.channel, channels))
            self._check_stations(path, rule, self.stations)

    def _check_selection(self, path: tuple[Key, ...], selection: Selection, stations: Mapping[str, Station]) -> None:
        tags = sorted({tag for station in stations.values() for tag in station.tags} | {*FARMING_TAGS, *PLACE_TAGS})
        self._check_known((*path, "tags"), selection.tags, tags)
        self._check_known((*path, "stations"), selection.stations, stations)

    def _check_known(self, path: tuple[Key, ...], names: Iterable[str], known: Iterable[str]) -> None:
        for number, name in enumerate(names):
            if name not in known:
                self._refuse((*path, number), one_of(name, known))

    def _check_side(self, rule: Rule, side: Side) -> None:
        base: dict[str, LevelSpec] = getattr(rule, side) or {}
        path: tuple[Key, ...] = ("rules", rule.name, side)
        self._check_levels(path, rule, side, base)
        for name, spec in base.items():
            self._check_known((*path, name, "to"), spec.to, self.groups)
        for number, instead in enumerate(rule.instead):
            self._check_instead(("rules", rule.name, "instead", number, side), rule, side, instead)

    def _check_instead(self, path: tuple[Key, ...], rule: Rule, side: Side, instead: Instead) -> None:
        base: dict[str, LevelSpec] = getattr(rule, side) or {}
        parts: dict[str, LevelPart] = getattr(instead, side) or {}
        levels: dict[str, LevelSpec] = {}
        for name, part in parts.items():
            self._check_known((*path, name, "to"), part.to or (), self.groups)
            said = part.model_dump(exclude_none=True)
            merged = (base[name].model_dump() if name in base else {}) | said
            absent = [field.alias or key for key, field in LevelSpec.model_fields.items() if key not in merged]
            absent = [key for key in absent if key not in ("breaks_quiet_hours", "lull")]
            if absent and name not in base and name in keys_at(self.tree, (*path[:2], side)):
                continue  # the rule's own level was refused
            if absent:
                message = (
                    f"found a new level without {', '.join(absent)}, allowed a whole level, or part of one of the rule"
                )
                self._refuse_key((*path, name), message)
            else:
                levels[name] = LevelSpec.model_construct(**merged)
        self._check_levels(path, rule, side, levels)

    def _check_levels(self, path: tuple[Key, ...], rule: Rule, side: Side, levels: Mapping[str, LevelSpec]) -> None:
        sign, newest = 1 if side is Side.BELOW else -1, {}
        self._check_names(path, levels)
        for name, level in levels.items():
            if isinstance(level.limit, str):
                self._check_limit((*path, name, "limit"), rule, side, level.limit)
            figures = rule.figures(side, level.limit)
            wrong = [figure.limit for figure in figures if sign * level.clear < sign * figure.limit]
            if wrong:
                where = "at or above" if sign > 0 else "at or below"
                self._refuse((*path, name, "clear"), f"found {level.clear:g}, allowed {where} the limit {wrong[0]:g}")
            if figures and self._has_a_grade(path, name, level):
                newest[name] = (level.severity, figures[-1].limit)
        ordered = sorted(newest.items(), key=lambda named: named[1][0])
        for (milder_name, (mild, milder)), (worse_name, (bad, worse)) in pairwise(ordered):
            if mild != bad and sign * worse > sign * milder:
                where = "at or below" if sign > 0 else "at or above"
                message = f"found {worse:g}, allowed {where} {milder:g}, the limit of the milder {milder_name!r}"
                self._refuse((*path, worse_name, "limit"), message)

    def _check_names(self, path: tuple[Key, ...], levels: Iterable[str]) -> None:
        if LULL in levels:
            self._refuse_key(
                (*path, LULL), f"found a level named {LULL!r}, allowed any other: pauses of an alarm have it"
            )

    def _check_limit(self, path: tuple[Key, ...], rule: Rule, side: Side, name: str) -> None:
        """Check that the limit that a level names is one of what the rule watches, averaged as the limit asks."""
        if name not in self.limits:
            self._refuse(path, one_of_many(name, self.limits))
            return
        limit, watch = self.limits[name][-1], rule.watch
        if limit.parameter != watch.parameter or watch.measure != "value":
            self._refuse(path, f"found a limit of {limit.parameter}, allowed one of values of {watch.parameter}")
        elif not rule.figures(side, name):
            bound = "least" if side is Side.BELOW else "greatest"
            self._refuse(path, f"found a limit without a {bound} value, allowed one that has it")
        elif limit.average is not Averaging.VALUE and self.stations is not None:
            watched = [channel for station in self.stations.values() for channel in rule.channels_at(station)]
            other = next((channel.name for channel in watched if averaging_of(channel) is not limit.average), None)
            if other is not None:
                allowed = f"allowed `channels` that formula mean-{limit.average} makes"
                self._refuse(path, f"found a limit of means over {limit.average} where {other} is none, {allowed}")

    def _has_a_grade(self, path: tuple[Key, ...], name: str, level: LevelSpec) -> bool:
        """Whether the severity of a level is what its file says, not what stands in for one that was refused."""
        followed, _, said = follow(self.tree, (*path, name, "severity"))
        return followed[-1] != "severity" or (isinstance(said, Leaf) and said.value == level.severity.word)

    def _check_series(self, path: tuple[Key, ...], channel: str, test: RuleTest) -> None:
        station, _, name = channel.partition("/")
        if (place := test.places.get(station)) is not None:
            if name not in place.channels and name not in self.catalogue:
                self._refuse_key(path, one_of_many(name, [*place.channels, *self.catalogue]))
        elif self.stations is not None and station not in self.stations:
            self._refuse_key(path, one_of_many(station, [*test.places, *self.stations]))
        elif self.stations is not None:
            names = [channel.name for channel in self.stations[station].all_channels()]
            if name not in names:
                self._refuse_key(path, one_of(name, names))

    def _check_places(self, path: tuple[Key, ...], places: Mapping[str, TestPlace]) -> None:
        own = keys_at(self.tree, path)
        for name, place in places.items():
            where: tuple[Key, ...] = (*(path if name in own else ("places",)), name, "channels")
            for channel, parameter in place.channels.items():
                if parameter not in self.catalogue:
                    self._refuse((*where, channel), one_of_many(parameter, self.catalogue))

    def _refuse(self, path: tuple[Key, ...], message: str) -> None:
        followed, place, _ = follow(self.tree, path)
        self.findings.add(place.problem(followed, message))

    def _refuse_key(self, path: tuple[Key, ...], message: str) -> None:
        self.findings.add(key_place(self.tree, path).problem(path, message))


def _channel_names(stations: Mapping[str, Station]) -> list[str]:
    return sorted({channel.name for station in stations.values() for channel in station.all_channels()})
