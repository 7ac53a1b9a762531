"""YAML 1.2 files as trees in which every key and value knows its place, and the merging of overlays.

YAML 1.2, because 1.1 reads `no` as false (nitric oxide), `22:00` as 1320 and `010` as 8. Duplicate keys are problems,
not silent losses. Dates stay text: the models say what they mean.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from quantrac.config.findings import Findings, Place, Problem

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

TAG: Final = "tag:yaml.org,2002:"
FILES_KEPT: Final = 256


def read_document(path: Path, shown: str, findings: Findings) -> Tree | None:
    """Return the tree of a file; None for an empty file and for one that cannot be read, which is then a problem.

    Args:
        path: the file.
        shown: its name in messages.
        findings: takes syntax errors and duplicate keys.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        findings.add(Problem(shown, 1, 1, "", f"found bytes that are not UTF-8 ({error.reason}), allowed UTF-8 text"))
    except OSError as error:
        findings.add(Problem(shown, 1, 1, "", f"found {error.strerror}, allowed a readable file"))
    else:
        tree, problems = _read(text, shown)
        for problem in problems:
            findings.add(problem)
        return tree
    return None


@lru_cache(maxsize=FILES_KEPT)
def _read(text: str, shown: str) -> tuple[Tree | None, tuple[Problem, ...]]:
    """Return the tree of a text and what is wrong with it.

    Kept, since services read all files again when one has changed, and parsing is nine tenths of that.
    """
    findings = Findings()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # YAML 1.2 allows it (3.2.2.2)
            root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        findings.add(Problem(shown, line, column, "", _syntax(str(error.problem or error.context))))
    except YAMLError as error:
        what = " ".join(str(error).split())
        findings.add(Problem(shown, 1, 1, "", f"found {what}, allowed one YAML 1.2 document"))
    else:
        tree = None if root is None else _tree(root, shown, (), findings)
        return tree, tuple(findings.problems)
    return None, tuple(findings.problems)


def _syntax(problem: str) -> str:
    """Return what the parser complains of in our form of words."""
    words = " ".join(problem.split()).removeprefix("but ").removeprefix("found ")
    if expected := re.fullmatch(r"expected (.+?),? but (?:got|found) (.+)", words):
        return f"found {expected[2]}, allowed {expected[1]} (YAML 1.2)"
    return f"found {words}, allowed one YAML 1.2 document"


def _tree(node: Node, shown: str, path: KeyPath, findings: Findings) -> Tree:
    place = _place(node, shown)
    if isinstance(node, MappingNode):
        return Map(dict(_entries(node, shown, path, findings)), place)
    if isinstance(node, SequenceNode):
        return Row(tuple(_tree(item, shown, (*path, i), findings) for i, item in enumerate(node.value)), place)
    assert isinstance(node, ScalarNode)
    return Leaf(_scalar(node), place)


def _entries(node: MappingNode, shown: str, path: KeyPath, findings: Findings) -> Iterator[tuple[Key, Entry]]:
    first_line: dict[Key, int] = {}
    for key_node, value_node in node.value:
        place = _place(key_node, shown)
        key = _scalar(key_node) if isinstance(key_node, ScalarNode) else None
        if not isinstance(key, str | int) or isinstance(key, bool):
            found = repr(key_node.value) if isinstance(key_node, ScalarNode) else "a nested key"
            findings.add(place.problem(path, f"found {found} as a key, allowed text in quotes or a whole number"))
        elif key in first_line:
            message = f"found this key a second time (first in line {first_line[key]}), allowed once"
            findings.add(place.problem((*path, key), message))
        else:
            first_line[key] = place.line
            yield key, Entry(place, _tree(value_node, shown, (*path, key), findings))


def _place(node: Node, shown: str) -> Place:
    return Place(shown, node.start_mark.line + 1, node.start_mark.column + 1)


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    """Return the value of a scalar in the core schema of YAML 1.2."""
    text = node.value
    match str(node.tag).removeprefix(TAG):
        case "null":
            return None
        case "bool":
            return bool(text.lower() == "true")
        case "int":
            digits = text.replace("_", "")
            return int(digits, 0 if digits.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else 10)
        case "float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").lower())
        case _:
            return str(text)


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
