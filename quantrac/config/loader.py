"""Loads `station_configs`: base and overlay, every file, every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from quantrac.config.devices import AnyProfile
from quantrac.config.documents import Leaf, Tree, follow, key_place, keys_at, merge, read_document, read_document_text
from quantrac.config.draft import Draft, Profiles
from quantrac.config.findings import Findings, Problem, one_of
from quantrac.config.limits import DecreeLimit, DecreeLimits, LimitsFile, limits_of
from quantrac.config.ministry import check_places
from quantrac.config.model_files import ModelFiles
from quantrac.config.network import Defaults, Network, NetworkFile
from quantrac.config.network_checks import check_network, check_public
from quantrac.config.profile_files import make_profile
from quantrac.config.resolution import resolve
from quantrac.config.rule_checks import RuleChecks
from quantrac.config.rule_files import LoadedRules, RulesFile
from quantrac.config.station_files import StationFile
from quantrac.config.stations import Station
from quantrac.config.validation import check_stem, validated
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.parameters import BUILT_IN, CATALOGUE, Parameter

Proof = Callable[[AnyProfile, Tree, Findings], None]
"""Holds a profile against its golden exchanges, and notes what does not agree."""


class StationNotConfigured(QuantracError):
    """The configuration has no such station."""

    exit_code = 2


def load_network(
    root: Path,
    overlay: str | None = None,
    prove: Proof | None = None,
    proposed: Mapping[Path, str | None] | None = None,
    *,
    rules_alone: bool = False,
) -> Network:
    """Read and check a whole network.

    Data path: files → trees with places → overlay merged → models → stations resolved against profiles → cross-checks.

    Args:
        root: folder with stations/, devices/, rules/ and network.yaml.
        overlay: name of a folder inside root that holds the same file names; None for the base alone.
        prove: proves each device profile, also those that no station names; without it these are not read. The
            decoders are the agent's, which this room does not know.
        proposed: texts in the place of what files hold, also of files that are not there; None: the file is not there.
        rules_alone: what network.yaml says of stations is not checked: for whoever looks at the rules, which name none.

    Raises:
        ConfigErrors: everything that is wrong, each with file, line, column and key.
    """
    loader = _Loader(root, overlay, prove, proposed or {}, rules_alone)
    network = loader.load()
    loader.findings.raise_if_any()
    assert network is not None
    return network


def load_station(root: Path, overlay: str | None, name: str) -> Station:
    """Read and check one station with what it refers to: network.yaml, its own file, the profiles of its devices.

    What other stations and the rules say is not read: an agent reads no more than this, however large the network is.

    Raises:
        ConfigErrors: everything that is wrong there, each with file, line, column and key.
        StationNotConfigured: there is no file of this station.
    """
    loader = _Loader(root, overlay)
    station = loader.station(name)
    loader.findings.raise_if_any()
    if station is None:
        others = ", ".join(other for other in loader.names("stations") if other != name)  # its own file may be empty
        raise StationNotConfigured(f"station {name!r} is not configured; there are: {others}")
    return station


def load_settings(root: Path, overlay: str | None = None) -> NetworkFile:
    """Read network.yaml alone: what it says of stations and groups is not checked against other files.

    Raises:
        ConfigErrors: everything that is wrong, each with file, line, column and key.
    """
    loader = _Loader(root, overlay)
    settings, _ = loader.settings()
    loader.findings.raise_if_any()
    assert settings is not None
    return settings


def load_rules(path: Path, network: Network) -> LoadedRules:
    """Read and check one more rule file against a network, as if it stood among its own.

    Raises:
        ConfigErrors: everything that is wrong, each with file, line, column and key.
    """
    findings = Findings()
    return _checked_rules(read_document(path, str(path), findings), network, findings)


def load_rule_texts(layers: Mapping[str, str], network: Network) -> LoadedRules:
    """Check what a rule file would say, as if it stood in the place of its own.

    Args:
        layers: text of the file and, where the overlay has it, too, of that one; by the name that problems show.
        network: what its rules may refer to.

    Raises:
        ConfigErrors: everything that is wrong, each with file, line, column and key.
    """
    findings = Findings()
    tree: Tree | None = None
    for shown, text in layers.items():
        tree = merge(tree, read_document_text(text, shown, findings))
    return _checked_rules(tree, network, findings)


def _checked_rules(tree: Tree | None, network: Network, findings: Findings) -> LoadedRules:
    file = None if tree is None else validated(RulesFile, tree, findings)
    loaded = file.loaded(network.limits) if file is not None else LoadedRules()
    if tree is not None:
        known = LoadedRules(network.rules, network.composites) | loaded
        tidal = _tidal(network.settings)
        catalogue = _catalogue(network.settings)
        check = RuleChecks(
            tree, list(network.settings.groups), network.stations, findings, tidal, catalogue, network.limits
        )
        check.check(loaded)
        check.check_expectations(loaded, known.levels())
    findings.raise_if_any()
    return loaded


def _named_profiles(stations: Iterable[Tree]) -> frozenset[object]:
    found: set[object] = set()
    for tree in stations:
        for device in keys_at(tree, ("devices",)):
            path = ("devices", device, "profile")
            followed, _, here = follow(tree, path)
            if followed == path and isinstance(here, Leaf):
                found.add(here.value)
    return frozenset(found)


def _catalogue(settings: NetworkFile | None) -> dict[str, Parameter]:
    """Return the parameters that files of a network may name: its own, and those built in."""
    return {**(settings.own_parameters if settings else {}), **BUILT_IN}


def _tidal(settings: NetworkFile | None) -> set[str]:
    return {station for tide in settings.tides.values() for station in tide.stations} if settings else set()


@dataclass
class _Loader:
    """One run of load_network or load_station."""

    root: Path
    overlay: str | None
    prove: Proof | None = None
    proposed: Mapping[Path, str | None] = field(default_factory=dict)
    rules_alone: bool = False
    findings: Findings = field(default_factory=Findings)
    layers: list[Path] = field(default_factory=list)
    """The folder, and the overlay in it."""
    models: ModelFiles = field(default_factory=ModelFiles)

    def load(self) -> Network | None:
        """Return the network; findings say whether it may be used."""
        self.models = ModelFiles(self.root)
        settings, settings_tree = self.settings()
        for folder in ("devices", "stations", "rules", "limits"):
            self._refuse_other_kinds(folder)
        profiles, stations = self._resolved(self._trees("stations"), settings)
        if settings is not None and settings_tree is not None:
            self._check_models(settings, settings_tree)
        known_stations = None if self.findings.problems else stations
        groups = keys_at(settings_tree, ("groups",)) if settings_tree else []
        limits = self._limits(_catalogue(settings))
        loaded = self._rules(groups, known_stations, settings, limits)
        if settings is None or settings_tree is None:
            return None
        named = None if self.rules_alone else known_stations
        check_network(settings, settings_tree, groups, named, self.findings)
        if named is not None and known_stations is not None and not self.findings.problems:
            check_public(settings, settings_tree, known_stations, limits, self.findings)
        return Network(
            self.root, self.overlay, settings, profiles, stations, loaded.rules, loaded.tests, loaded.composites,
            limits, self.models.good,
        )  # fmt: skip

    def station(self, name: str) -> Station | None:
        """Return one station, None where there is none; findings say whether it may be used."""
        settings, settings_tree = self.settings()
        _, stations = self._resolved(self._trees("stations", {name}), settings)
        if settings is not None and settings_tree is not None:
            known = None if self.findings.problems else self.names("stations")
            check_network(settings, settings_tree, keys_at(settings_tree, ("groups",)), known, self.findings)
        if self.findings.problems or name not in stations:
            for folder in ("devices", "stations"):
                self._refuse_other_kinds(folder)
        return stations.get(name)

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder of the layers; those with a dot are locks and drafts of editors."""
        folders = [layer / folder for layer in self.layers]
        files = {path for each in folders for path in each.glob("[!.]*.yaml")} | self.proposed.keys()
        gone = {path for path, text in self.proposed.items() if text is None}
        names = {path.name for path in files - gone if path.parent in folders}
        return [name.removesuffix(".yaml") for name in sorted(names)]

    def settings(self) -> tuple[NetworkFile | None, Tree | None]:
        """Return network.yaml, and where in the files its parts stand."""
        self.layers = self._layers()
        tree = self._merged("network.yaml")
        if tree is None and not self.findings.problems:
            self._refuse(self.root / "network.yaml", "found nothing, allowed the settings of the network")
        settings = None if tree is None else validated(NetworkFile, tree, self.findings)
        if settings is not None:
            CATALOGUE.declare(settings.own_parameters, in_force=not self.proposed)
        return settings, tree

    def _layers(self) -> list[Path]:
        if not self.root.is_dir():
            allowed = "one with stations/ and network.yaml: name it by QUANTRAC_CONFIG"
            self._refuse(self.root, f"found no such folder, allowed {allowed}")
            return []
        if self.overlay is None:
            return [self.root]
        folder = self.root / self.overlay
        if not folder.is_dir():
            known = [path.name for path in sorted(self.root.iterdir()) if (path / "stations").is_dir()]
            self._refuse(folder, f"overlay: {one_of(self.overlay, known)}")
            return []
        return [self.root, folder]

    def _refuse(self, path: Path, message: str) -> None:
        """Note a problem of a file or folder as a whole."""
        self.findings.add(Problem(str(path), 1, 1, "", message))

    def _refuse_other_kinds(self, folder: str) -> None:
        for layer in self.layers:
            for path in sorted((layer / folder).glob("[!.]*")):
                if path.suffix != ".yaml":
                    self._refuse(path, "found another kind of file, allowed names that end in .yaml")

    def _trees(self, folder: str, wanted: Collection[str] | None = None) -> dict[str, Tree]:
        """Return the files of a folder that say something, by name; `wanted` None: all of them."""
        names = [name for name in self.names(folder) if wanted is None or name in wanted]
        trees = {name: self._merged(f"{folder}/{name}.yaml") for name in names}
        return {name: tree for name, tree in trees.items() if tree is not None}

    def _merged(self, name: str) -> Tree | None:
        tree: Tree | None = None
        for path in (layer / name for layer in self.layers):
            if path in self.proposed:
                text = self.proposed[path]
                tree = tree if text is None else merge(tree, read_document_text(text, str(path), self.findings))
            elif path.exists() or path.is_symlink():  # a link that leads nowhere is a problem, not an absent file
                tree = merge(tree, read_document(path, str(path), self.findings))
        return tree

    def _resolved(
        self, station_trees: dict[str, Tree], settings: NetworkFile | None
    ) -> tuple[Mapping[str, AnyProfile], dict[str, Station]]:
        """Return profiles and stations: of the profiles those that the stations name, or all to prove them."""
        names = frozenset(self.names("devices"))
        wanted = names if self.prove else names & _named_profiles(station_trees.values())
        profiles = self._profiles(names, wanted, _catalogue(settings))
        return profiles.good, self._stations(station_trees, profiles, settings)

    def _profiles(self, names: frozenset[str], wanted: frozenset[str], catalogue: Mapping[str, Parameter]) -> Profiles:
        trees = self._trees("devices", wanted)
        made = {name: make_profile(name, tree, self.findings, catalogue) for name, tree in trees.items()}
        good = {name: profile for name, profile in made.items() if profile is not None}
        if self.prove is not None:
            for name, profile in good.items():
                self.prove(profile, trees[name], self.findings)
        unread = wanted - good.keys()
        broken = unread if self.findings.problems else frozenset()
        return Profiles(good, trees, broken, sorted(names - unread))

    def _stations(self, trees: dict[str, Tree], profiles: Profiles, settings: NetworkFile | None) -> dict[str, Station]:
        defaults = settings.defaults if settings else Defaults()
        zone = ZoneInfo(settings.time_zone if settings else "UTC")
        catalogue, receivers = _catalogue(settings), settings.receivers if settings else {}
        quality = {name: spec.limits() for name, spec in settings.quality.items()} if settings else {}
        trained = {name: spec.trained or "" for name, spec in settings.quality.items()} if settings else {}
        stations = {}
        for stem, tree in trees.items():
            before = len(self.findings.problems)
            file = validated(StationFile, tree, self.findings)
            if file is not None:
                whole = len(self.findings.problems) == before
                check_stem(stem, "station", file.station, tree, self.findings)
                draft = Draft(
                    tree, profiles, defaults, zone, self.findings, quality, trained, self.models, catalogue, receivers,
                    whole,
                )  # fmt: skip
                stations[file.station] = resolve(file, draft)
        check_places(stations, receivers, trees, self.findings)
        return stations

    def _check_models(self, settings: NetworkFile, tree: Tree) -> None:
        for parameter, spec in settings.quality.items():
            if spec.trained and (message := self.models.problem(spec.trained, parameter)):
                path = ("quality", parameter, "trained")
                self.findings.add(follow(tree, path)[1].problem(path, message))

    def _limits(self, catalogue: Mapping[str, Parameter]) -> DecreeLimits:
        found: dict[str, tuple[DecreeLimit, ...]] = {}
        for stem, tree in self._trees("limits").items():
            file = validated(LimitsFile, tree, self.findings)
            if file is not None:
                found |= limits_of(stem, file, tree, self.findings, catalogue)
        return found

    def _rules(
        self, groups: list[str], stations: dict[str, Station] | None, settings: NetworkFile | None, limits: DecreeLimits
    ) -> LoadedRules:
        all_rules, catalogue = LoadedRules(), _catalogue(settings)
        checks: list[tuple[RuleChecks, LoadedRules]] = []
        for tree in self._trees("rules").values():
            file = validated(RulesFile, tree, self.findings)
            if file is None:
                continue
            loaded = file.loaded(limits)
            checks.append(
                (RuleChecks(tree, groups, stations, self.findings, _tidal(settings), catalogue, limits), loaded)
            )
            for kind, names in (("rules", loaded.rules), ("composites", loaded.composites)):
                for name in names:
                    if name in all_rules.rules or name in all_rules.composites:
                        message = "found a rule of this name in a second file, allowed once in all rule files"
                        self.findings.add(key_place(tree, (kind, name)).problem((kind, name), message))
            all_rules |= loaded
        levels = all_rules.levels()
        for check, loaded in checks:
            check.check(loaded)
            check.check_expectations(loaded, levels)
        return all_rules
