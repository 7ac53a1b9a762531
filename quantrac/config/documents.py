"""YAML 1.2 files as trees in which every key and value knows its place, and the merging of overlays.

YAML 1.2, because 1.1 reads `no` as false (nitric oxide), `22:00` as 1320 and `010` as 8. Duplicate keys are problems,
not silent losses. Dates stay text: the models say what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from quantrac.config.findings import Findings, Place, Problem
from quantrac.config.sources import MOST_LEVELS, MOST_VALUES, NULL, BadSource, nodes_of, read_text, scalar

Key = str | int
KeyPath = tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar."""

    value: str | int | float | bool | None
    place: Place


@dataclass(frozen=True, slots=True)
class Row:
    """A sequence."""

    items: tuple[Tree, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping with its value."""

    key_place: Place
    tree: Tree


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping; `place` is where its first key stands."""

    entries: dict[Key, Entry]
    place: Place


Tree = Leaf | Row | Map
Planted = tuple[Tree | None, tuple[Problem, ...]]
"""The tree of a text, None of an empty one, and its duplicate keys."""

FILES_KEPT: Final = 4_096
"""Files are read in turn: of one more than are kept, each would be parsed again. The trees of a thousand take 24 MB."""


def read_document(path: Path, shown: str, findings: Findings) -> Tree | None:
    """Return the tree of a file; None for an empty file and for one that cannot be read, which is then a problem.

    Args:
        path: the file.
        shown: its name in messages.
        findings: takes syntax errors and duplicate keys.
    """
    return _noted(lambda: _read(read_text(path), shown), shown, findings)


def read_document_text(text: str, shown: str, findings: Findings) -> Tree | None:
    """Return the tree of what a file would say, else as `read_document`; it is not kept: people type many."""
    return _noted(lambda: _read.__wrapped__(text, shown), shown, findings)


def _noted(read: Callable[[], Planted], shown: str, findings: Findings) -> Tree | None:
    try:
        tree, problems = read()
    except BadSource as error:
        tree, problems = None, (Problem(shown, error.line, error.column, "", str(error)),)
    for problem in problems:
        findings.add(problem)
    return tree


@lru_cache(maxsize=FILES_KEPT)
def _read(text: str, shown: str) -> Planted:
    """Return the tree of a text and its duplicate keys. Raises BadSource.

    Kept, since services read all files again when one has changed, and parsing is nine tenths of that.
    """
    root, findings = nodes_of(text), Findings()
    tree = None if root is None else _Planting(shown, findings).tree(root, ())
    return tree, tuple(findings.problems)


class _Planting:
    """Makes the tree of a document's nodes."""

    def __init__(self, shown: str, findings: Findings) -> None:
        self._shown, self._findings = shown, findings
        self._values = 0

    def tree(self, node: Node, path: KeyPath, place: Place | None = None) -> Tree:
        """Return the tree of a node that stands at a place; None: where it begins.

        Raises BadSource: a value that is none, or more of them than are allowed.
        """
        self._values += 1
        place = place or self._place(node)
        if len(path) > MOST_LEVELS or self._values > MOST_VALUES:  # what stands in itself has no end
            message = (
                f"found more than {MOST_VALUES:,} values or {MOST_LEVELS} levels, with those that aliases (*) repeat"
            )
            raise BadSource(f"{message}, allowed so many", place.line, place.column)
        if isinstance(node, MappingNode):
            return Map(dict(self._entries(node, path)), place)
        if isinstance(node, SequenceNode):
            return Row(tuple(self.tree(item, (*path, i)) for i, item in enumerate(node.value)), place)
        assert isinstance(node, ScalarNode)
        return Leaf(scalar(node), place)

    def _entries(self, node: MappingNode, path: KeyPath) -> Iterator[tuple[Key, Entry]]:
        first_line: dict[Key, int] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            key = scalar(key_node) if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str | int) or isinstance(key, bool):
                found = repr(key_node.value) if isinstance(key_node, ScalarNode) else "a nested key"
                message = f"found {found} as a key, allowed text in quotes or a whole number"
                self._findings.add(place.problem(path, message))
            elif key in first_line:
                message = f"found this key a second time (first in line {first_line[key]}), allowed once"
                self._findings.add(place.problem((*path, key), message))
            else:
                first_line[key] = place.line
                yield key, Entry(place, self.tree(value_node, (*path, key), place if _is_absent(value_node) else None))

    def _place(self, node: Node) -> Place:
        return Place(self._shown, node.start_mark.line + 1, node.start_mark.column + 1)


def _is_absent(node: Node) -> bool:
    """Whether nothing stands behind a key: parsers say that it stands where the next key does."""
    return isinstance(node, ScalarNode) and not node.value and str(node.tag) == NULL


def plain(tree: Tree) -> Any:
    """Return dicts, lists and scalars."""
    if isinstance(tree, Map):
        return {key: plain(entry.tree) for key, entry in tree.entries.items()}
    if isinstance(tree, Row):
        return [plain(item) for item in tree.items]
    return tree.value


def merge(base: Tree | None, over: Tree | None) -> Tree | None:
    """Return the base under an overlay: mappings merge key by key, lists and scalars replace; None changes nothing."""
    if base is None or over is None:
        return base if over is None else over
    if not isinstance(base, Map) or not isinstance(over, Map):
        return over
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        below = entries.get(key)
        merged = merge(below.tree if below else None, entry.tree)
        assert merged is not None
        both_mappings = below is not None and isinstance(merged, Map) and isinstance(below.tree, Map)
        entries[key] = Entry(below.key_place if below and both_mappings else entry.key_place, merged)
    return Map(entries, base.place)


def follow(tree: Tree, path: KeyPath) -> tuple[KeyPath, Place, Tree]:
    """Go down a path as far as it leads; return the part followed, where it ends, and what stands there.

    Steps that name nothing in the tree (names that a model adds) are passed over.
    """
    followed: list[Key] = []
    place = tree.place
    for step in path:
        if isinstance(tree, Map) and step in tree.entries:
            entry = tree.entries[step]
            place, tree = (entry.tree.place if isinstance(entry.tree, Leaf | Row) else entry.key_place), entry.tree
            followed.append(step)
        elif isinstance(tree, Row) and isinstance(step, int) and 0 <= step < len(tree.items):
            tree = tree.items[step]
            place = tree.place
            followed.append(step)
    return tuple(followed), place, tree


def key_place(tree: Tree, path: KeyPath) -> Place:
    """Return where the last key of a path stands; its mapping's place where the key is absent."""
    _, place, parent = follow(tree, path[:-1])
    if isinstance(parent, Map) and path[-1] in parent.entries:
        return parent.entries[path[-1]].key_place
    return place


def keys_at(tree: Tree, path: KeyPath) -> list[str]:
    """Return the keys of the mapping at a path, whatever their values are worth; none where no mapping stands there."""
    followed, _, here = follow(tree, path)
    return [str(key) for key in here.entries] if followed == path and isinstance(here, Map) else []
