"""Edits of rule files: other limits and delays, put into the text of a file whose comments and layout stay as they are.

A value is changed in the file that says it: in that of the overlay where it says it, else in that of the base. What a
level of `instead` leaves to the rule is added there.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from quantrac.config.documents import Key, KeyPath, plain, read_document_text
from quantrac.config.findings import ConfigErrors, Findings, Problem, cut
from quantrac.config.loader import load_rule_texts
from quantrac.config.network import Network
from quantrac.config.rule_files import LoadedRules
from quantrac.config.sources import BadSource, compose, read_text
from quantrac.telemetry.errors import TranslatableError

NUMBERS: Final = frozenset({"limit", "clear", "below", "above"})
DELAYS: Final = frozenset({"on_delay", "off_delay", "lull"})
KINDS: Final = ("rules", "composites")
NUMBER: Final = re.compile(r"-?\d{1,9}(\.\d{1,9})?")
DELAY: Final = re.compile(r"\d{1,9}(\.\d{1,3})?(ms|s|m|h|d)")


class BadEdit(TranslatableError):
    """The edit is no change of a limit or a delay of a rule."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class RuleEdit:
    """Another value of one key."""

    path: KeyPath
    """From the rule on: do-low, below, act, limit."""
    value: str
    """As YAML writes it: `2.5`, `10m`."""

    @classmethod
    def parse(cls, text: str) -> RuleEdit:
        """Return the edit of `do-low.below.act.limit=2.5`. Raises BadEdit."""
        key, _, value = text.partition("=")
        return cls(tuple(int(step) if step.isdecimal() else step for step in key.strip().split(".")), value.strip())

    @property
    def rule(self) -> str:
        """The rule that it changes."""
        return str(self.path[0])

    def check(self) -> None:
        """Raise BadEdit unless it gives a limit a number, or a delay a duration."""
        key, shown = self.path[-1], cut(self.value)
        if key in NUMBERS and not NUMBER.fullmatch(self.value):
            raise BadEdit("{key}: found {value}, expected a number such as 2.5", key=str(self), value=shown)
        if key in DELAYS and not DELAY.fullmatch(self.value):
            raise BadEdit("{key}: found {value}, expected a duration such as 10m", key=str(self), value=shown)
        if key not in NUMBERS | DELAYS or len(self.path) < 3:
            raise BadEdit(
                "{key}: found no limit or delay, expected such as do-low.below.act.limit or do-low.below.act.on_delay",
                key=str(self),
            )

    def __str__(self) -> str:
        """Return the key, such as `do-low.below.act.limit`."""
        return cut(".".join(map(str, self.path)))


class EditedFile(NamedTuple):
    """A file of rules as it is and as it would be."""

    name: str
    """Below the folder of the configuration, such as `rules/oxygen.yaml`, `demo/rules/oxygen.yaml`."""
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RuleProposal:
    """Changed rules, checked, and the change of the files that would put them into force."""

    files: tuple[EditedFile, ...]
    loaded: LoadedRules
    """Everything that the changed files would say."""
    names: frozenset[str]
    """The rules that are changed."""

    @property
    def changed(self) -> LoadedRules:
        """The changed rules alone."""
        rules, composites = self.loaded.rules, self.loaded.composites
        return LoadedRules(
            {name: rule for name, rule in rules.items() if name in self.names},
            {name: rule for name, rule in composites.items() if name in self.names},
        )

    @property
    def diff(self) -> str:
        """The change as a patch, for `patch -p1` in the folder of the configuration."""
        return "".join(line for file in self.files for line in _diff(file))


class DiffLine(NamedTuple):
    """A line of a patch, with its numbers in the file."""

    before: int | None
    """None: it is not in the file before, or is none of the file."""
    after: int | None
    text: str
    """With its sign in front."""


def numbered(diff: str) -> Iterator[DiffLine]:
    """Yield the lines of a patch with their numbers. Pure."""
    before = after = 0
    for line in re.findall(r"[^\n]+", diff):
        if found := re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)", line):
            before, after = int(found[1]), int(found[2])
        if line.startswith(("--- ", "+++ ", "@@", "\\")):
            yield DiffLine(None, None, line)
            continue
        is_old, is_new = not line.startswith("+"), not line.startswith("-")
        yield DiffLine(before if is_old else None, after if is_new else None, line)
        before, after = before + is_old, after + is_new


def propose_rules(network: Network, edits: Sequence[RuleEdit]) -> RuleProposal:
    """Return rules with edits, and the files that would say so; nothing is written.

    Raises:
        BadEdit: an edit changes nothing that there is, or the file says it in a way that only a person can change.
        ConfigErrors: a file would be wrong.
    """
    edits = list({edit.path: edit for edit in edits}.values())
    for edit in edits:
        edit.check()
    by_file: dict[str, list[RuleEdit]] = {}
    files = _rule_files(network, {edit.rule for edit in edits})
    for edit in edits:
        by_file.setdefault(_file_of(files, edit), []).append(edit)
    loaded, changed = LoadedRules(), list[EditedFile]()
    for stem, own in by_file.items():
        layers = {layer.name: layer for layer in files[stem]}
        texts = dict(_edited(list(layers.values()), own))
        loaded |= load_rule_texts({name: texts.get(name, layer.text) for name, layer in layers.items()}, network)
        changed += (EditedFile(name, layers[name].text, text) for name, text in texts.items())
    return RuleProposal(tuple(changed), loaded, frozenset(edit.rule for edit in edits))


def place_of(network: Network, rule: str) -> str:
    """Return where a rule stands, such as `rules/oxygen.yaml:5`; empty where no file says it any more."""
    for layers in _rule_files(network, {rule}).values():
        for layer in layers:
            if (kind := layer.kind_of(rule)) is not None:
                rules = _down(layer.root, (kind,))[-1]
                line = next(key.start_mark.line for key, _ in rules.value if key.value == rule)
                return f"{layer.name}:{line + 1}"
    return ""


class _Layer(NamedTuple):
    """One file of rules, of the base or of the overlay."""

    name: str
    text: str
    root: Node | None

    def kind_of(self, rule: str) -> str | None:
        """Return under which key a rule stands here: `rules` or `composites`; None: it does not."""
        return next((kind for kind in KINDS if len(_down(self.root, (kind, rule))) == 3), None)


def _rule_files(network: Network, rules: Collection[str]) -> dict[str, list[_Layer]]:
    """Return the files of rules that have some names in them, each with that of the overlay behind it.

    Raises ConfigErrors: one of them cannot be read.
    """
    folders = ["rules"] + ([f"{network.overlay}/rules"] if network.overlay else [])
    texts: dict[str, dict[str, str]] = {}
    for folder in folders:
        for path in sorted((network.root / folder).glob("[!.]*.yaml")):
            name = f"{folder}/{path.name}"
            texts.setdefault(path.name, {})[name] = _parsed(read_text, path, name)
    return {
        stem: [_Layer(name, text, _parsed(_nodes, text, name)) for name, text in layers.items()]
        for stem, layers in texts.items()
        if any(rule in text for rule in rules for text in layers.values())
    }


_nodes = lru_cache(maxsize=256)(compose)
"""Kept, since a page asks where its rule stands; nodes are not changed."""
Source = TypeVar("Source")
Parsed = TypeVar("Parsed")


def _parsed(parse: Callable[[Source], Parsed], source: Source, name: str) -> Parsed:
    try:
        return parse(source)
    except BadSource as error:
        raise ConfigErrors([Problem(name, error.line, error.column, "", str(error))]) from error


def _file_of(files: Mapping[str, Sequence[_Layer]], edit: RuleEdit) -> str:
    for stem, layers in files.items():
        if any(layer.kind_of(edit.rule) for layer in layers):
            return stem
    raise BadEdit("{key}: there is no rule {rule} in the files", key=str(edit), rule=cut(edit.rule))


def _edited(layers: Sequence[_Layer], edits: Iterable[RuleEdit]) -> Iterator[tuple[str, str]]:
    """Yield name and new text of each layer that edits change."""
    changes: dict[str, list[tuple[RuleEdit, _Change]]] = {}
    for edit in edits:
        layer, change = _change(layers, edit)
        changes.setdefault(layer.name, []).append((edit, change))
    for layer in layers:
        if own := changes.get(layer.name):
            places: dict[tuple[int, int, str], list[str]] = {}
            for _, change in own:
                places.setdefault((change.start, change.end, change.between), []).append(change.text)
            text = layer.text
            for start, end, between in sorted(places, reverse=True):
                text = text[:start] + between.join(places[start, end, between]) + text[end:]
            _check_rest(layer, text, own)
            if text != layer.text:
                yield layer.name, text


class _Change(NamedTuple):
    """Characters start to end of a text give way to others."""

    start: int
    end: int
    text: str
    path: KeyPath
    between: str = ""
    """What parts several that are added at one place."""


def _change(layers: Sequence[_Layer], edit: RuleEdit) -> tuple[_Layer, _Change]:
    """Return what an edit changes in which layer. Raises BadEdit."""
    parent: tuple[_Layer, MappingNode, KeyPath] | None = None
    for layer in reversed(layers):
        if (kind := layer.kind_of(edit.rule)) is None:
            continue
        path = (kind, *edit.path)
        nodes = _down(layer.root, path)
        if len(nodes) > len(path) and isinstance(nodes[-1], ScalarNode):
            return layer, _Change(nodes[-1].start_mark.index, nodes[-1].end_mark.index, edit.value, path)
        if len(nodes) == len(path) and parent is None and isinstance(nodes[-1], MappingNode):
            parent = layer, nodes[-1], path
        if any(isinstance(node, SequenceNode) for node in nodes):  # a list of the overlay replaces that of the base
            break
    if parent is None:
        raise BadEdit("{key}: there is no such level in the files", key=str(edit))
    layer, mapping, path = parent
    return layer, _addition(layer.text, mapping, f"{edit.path[-1]}: {edit.value}", path)


def _addition(text: str, mapping: MappingNode, words: str, path: KeyPath) -> _Change:
    """Return how a mapping gets one key more: behind its last one; before its first where each has its own line."""
    if not mapping.flow_style:
        start = mapping.value[0][0].start_mark
        return _Change(start.index, start.index, f"{words}\n{' ' * start.column}", path)
    if mapping.value:
        end = mapping.value[-1][1].end_mark.index
        return _Change(end, end, f", {words}", path)
    start_of = text.index("{", mapping.start_mark.index) + 1
    return _Change(start_of, start_of, words, path, ", ")


def _check_rest(layer: _Layer, text: str, changes: Iterable[tuple[RuleEdit, _Change]]) -> None:
    """Raise BadEdit unless the changes are all that is changed: a value may stand in several places by one anchor."""
    findings = Findings()
    before, after = (read_document_text(one, layer.name, findings) for one in (layer.text, text))
    expected: Any = None if before is None else copy.deepcopy(plain(before))
    for edit, change in changes:
        place = expected
        for step in change.path[:-1]:
            place = place[step]
        value = read_document_text(edit.value, layer.name, findings)
        place[change.path[-1]] = None if value is None else plain(value)
    if after is None or plain(after) != expected:
        raise BadEdit("{file}: this cannot be changed here without changing more: edit the file", file=layer.name)


def _down(root: Node | None, path: KeyPath) -> list[Node]:
    """Return the nodes that a path leads through, the root first, as far as it leads."""
    nodes = [] if root is None else [root]
    for step in path:
        following = _below(nodes[-1], step) if nodes else None
        if following is None:
            break
        nodes.append(following)
    return nodes


def _below(node: Node, step: Key) -> Node | None:
    if isinstance(node, SequenceNode):
        return node.value[step] if isinstance(step, int) and step < len(node.value) else None
    if isinstance(node, MappingNode):
        return next((value for key, value in node.value if isinstance(key, ScalarNode) and key.value == step), None)
    return None


def _diff(file: EditedFile) -> Iterator[str]:
    before, after = (re.findall(r"[^\n]*\n|[^\n]+", text) for text in (file.before, file.after))
    for line in difflib.unified_diff(before, after, f"a/{file.name}", f"b/{file.name}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
