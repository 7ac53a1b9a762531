"""Loads `station_configs`: base and overlay, every file, every problem at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from quantrac.config.devices import AnyProfile
from quantrac.config.documents import Tree, key_place, keys_at, merge, read_document
from quantrac.config.draft import Draft
from quantrac.config.findings import Findings, Problem, one_of
from quantrac.config.network import Defaults, Network, NetworkFile
from quantrac.config.network_checks import check_network
from quantrac.config.profile_files import make_profile
from quantrac.config.resolution import resolve
from quantrac.config.rule_checks import RuleChecks
from quantrac.config.rule_files import LoadedRules, RulesFile
from quantrac.config.station_files import StationFile
from quantrac.config.stations import Station
from quantrac.config.validation import check_stem, validated


def load_network(root: Path, overlay: str | None = None) -> Network:
    """Read and check a whole network.

    Data path: files → trees with places → overlay merged → models → stations resolved against profiles → cross-checks.

    Args:
        root: folder with stations/, devices/, rules/ and network.yaml.
        overlay: name of a folder inside root that holds the same file names; None for the base alone.

    Raises:
        ConfigErrors: everything that is wrong, each with file, line, column and key.
    """
    loader = _Loader(root, overlay)
    network = loader.load()
    loader.findings.raise_if_any()
    assert network is not None
    return network


def load_rules(path: Path, network: Network) -> LoadedRules:
    """Read and check one more rule file against a network, as if it stood among its own.

    Raises:
        ConfigErrors: everything that is wrong, each with file, line, column and key.
    """
    findings = Findings()
    tree = read_document(path, str(path), findings)
    file = None if tree is None else validated(RulesFile, tree, findings)
    loaded = file.loaded() if file is not None else LoadedRules()
    if tree is not None:
        known = LoadedRules(network.rules, network.composites) | loaded
        tidal = _tidal(network.settings)
        check = RuleChecks(tree, list(network.settings.groups), network.stations, findings, tidal)
        check.check(loaded)
        check.check_expectations(loaded, known.levels())
    findings.raise_if_any()
    return loaded


def _tidal(settings: NetworkFile | None) -> set[str]:
    return {station for tide in settings.tides.values() for station in tide.stations} if settings else set()


@dataclass
class _Loader:
    """One run of load_network."""

    root: Path
    overlay: str | None
    findings: Findings = field(default_factory=Findings)
    layers: list[Path] = field(default_factory=list)
    """The folder, and the overlay in it."""

    def load(self) -> Network | None:
        self.layers = self._layers()
        if not self.layers:
            return None
        settings_tree = self._merged("network.yaml")
        if settings_tree is None and not self.findings.problems:
            self._refuse(self.root / "network.yaml", "found nothing, allowed the settings of the network")
        settings = None if settings_tree is None else validated(NetworkFile, settings_tree, self.findings)
        trees = self._trees("devices")
        profiles, broken = self._profiles(trees)
        stations = self._stations(profiles, trees, broken, settings)
        known_stations = None if self.findings.problems else stations
        groups = keys_at(settings_tree, ("groups",)) if settings_tree else []
        loaded = self._rules(groups, known_stations, settings)
        if settings is None or settings_tree is None:
            return None
        check_network(settings, settings_tree, groups, known_stations, self.findings)
        return Network(
            self.root, self.overlay, settings, profiles, stations, loaded.rules, loaded.tests, loaded.composites
        )

    def _layers(self) -> list[Path]:
        if not self.root.is_dir():
            self._refuse(self.root, "found no such folder, allowed the folder with stations/ and network.yaml")
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

    def _trees(self, folder: str) -> dict[str, Tree]:
        files = [
            path for layer in self.layers if (layer / folder).is_dir() for path in sorted((layer / folder).iterdir())
        ]
        for path in files:
            if path.suffix != ".yaml" and not path.name.startswith("."):
                self._refuse(path, "found another kind of file, allowed names that end in .yaml")
        names = sorted({path.name for path in files if path.suffix == ".yaml"})
        trees = {name: self._merged(f"{folder}/{name}") for name in names}
        return {name.removesuffix(".yaml"): tree for name, tree in trees.items() if tree is not None}

    def _merged(self, name: str) -> Tree | None:
        tree: Tree | None = None
        for path in (layer / name for layer in self.layers):
            if path.exists():
                tree = merge(tree, read_document(path, str(path), self.findings))
        return tree

    def _profiles(self, trees: dict[str, Tree]) -> tuple[dict[str, AnyProfile], frozenset[str]]:
        before = len(self.findings.problems)
        made = {stem: make_profile(stem, tree, self.findings) for stem, tree in trees.items()}
        good = {stem: profile for stem, profile in made.items() if profile is not None}
        unread = {path.stem for layer in self.layers for path in (layer / "devices").glob("*.yaml")} - good.keys()
        return good, frozenset(unread if len(self.findings.problems) > before else ())

    def _stations(
        self, profiles: dict[str, AnyProfile], profile_trees: dict[str, Tree], broken: frozenset[str],
        settings: NetworkFile | None,
    ) -> dict[str, Station]:  # fmt: skip
        defaults = settings.defaults if settings else Defaults()
        zone = ZoneInfo(settings.time_zone if settings else "UTC")
        quality = {name: spec.limits() for name, spec in settings.quality.items()} if settings else {}
        stations = {}
        for stem, tree in self._trees("stations").items():
            before = len(self.findings.problems)
            file = validated(StationFile, tree, self.findings)
            if file is not None:
                whole = len(self.findings.problems) == before
                check_stem(stem, "station", file.station, tree, self.findings)
                draft = Draft(tree, profiles, profile_trees, broken, defaults, zone, self.findings, quality, whole)
                stations[file.station] = resolve(file, draft)
        return stations

    def _rules(
        self, groups: list[str], stations: dict[str, Station] | None, settings: NetworkFile | None
    ) -> LoadedRules:
        all_rules = LoadedRules()
        checks: list[tuple[RuleChecks, LoadedRules]] = []
        for tree in self._trees("rules").values():
            file = validated(RulesFile, tree, self.findings)
            if file is None:
                continue
            loaded = file.loaded()
            checks.append((RuleChecks(tree, groups, stations, self.findings, _tidal(settings)), loaded))
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
