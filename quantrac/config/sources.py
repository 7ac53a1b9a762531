"""The text of a YAML 1.2 file and its nodes, within bounds: no file can hold up or exhaust whoever reads it."""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MOST_BYTES: Final = 500_000
"""Of a file. The largest that ships has 12 kB; a rule takes some 400 bytes."""
MOST_VALUES: Final = 50_000
"""Keys, list items and scalars of a file, each counted as often as aliases repeat it; read in some 4 s."""
MOST_LEVELS: Final = 40
"""Mappings and lists in one another; the deepest file that ships has 9."""
MOST_NUMBER: Final = 40
"""Characters of a number."""
TAG: Final = "tag:yaml.org,2002:"
NULL, TEXT, LIST, MAPPING = f"{TAG}null", f"{TAG}str", f"{TAG}seq", f"{TAG}map"
TAGS_KEPT: Final = 10_000
KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_USUAL: Final = re.compile(r"[\r\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
"""No tabs, which the two parsers take otherwise, and none of the line ends that only YAML 1.1 has."""
_OF_COMPOSE: Final = re.compile(r"[|>][-+0-9]*#|(?:^|\r)\.\.\.", re.MULTILINE)
"""What libyaml takes for a comment, and `compose` for a mistake; ends of documents, of which it passes over many."""
_NO_TEXT: Final = re.compile(r"[\x00\ud800-\udfff]")
"""What neither the database nor UTF-8 holds: NUL and halves of a surrogate pair."""


class BadSource(Exception):
    """A file that is no YAML 1.2 document within our bounds; the text is "found …, allowed …"."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def read_text(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """Return the text of a regular file of at most so many bytes; never waits. Raises BadSource."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe without a writer would wait
        try:
            found = os.fstat(opened)
            if not stat.S_ISREG(found.st_mode):
                kind = next((name for is_kind, name in KINDS if is_kind(found.st_mode)), "no file")
                raise BadSource(f"found {kind}, allowed a regular file")
            with open(opened, "rb", closefd=False) as file:
                text = file.read(most_bytes + 1)
        finally:
            os.close(opened)
    except OSError as error:
        raise BadSource(f"found {error.strerror}, allowed a readable file") from error
    if len(text) > most_bytes:
        raise BadSource(f"found {max(found.st_size, len(text)):,} bytes, allowed {most_bytes:,} a file")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        column = error.start - text.rfind(b"\n", 0, error.start)
        raise BadSource(f"found bytes that are not UTF-8 ({error.reason}), allowed UTF-8 text", line, column) from error


def compose(text: str) -> Node | None:
    """Return the root node of a document, None of an empty one. Raises BadSource."""
    parser = YAML(typ="safe", pure=True)
    parser.max_depth = MOST_LEVELS
    parser.Composer = _Composer
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # YAML 1.2 allows it (3.2.2.2)
            root: Node | None = parser.compose(text)
            return root
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = _syntax(str(error.problem or error.context))
        if isinstance(error, MaxDepthExceededError):
            what = f"found more than {MOST_LEVELS} levels, allowed {MOST_LEVELS} mappings and lists in one another"
        raise BadSource(what, *((mark.line + 1, mark.column + 1) if mark else ())) from error
    except YAMLError as error:
        raise BadSource(f"found {' '.join(str(error).split())}, allowed one YAML 1.2 document") from error


def nodes_of(text: str) -> Node | None:
    """Return what `compose` does, where lines and columns of the nodes are enough. Raises BadSource.

    A usual text is parsed by libyaml, ten times as fast. What it refuses, and all that the two might understand
    otherwise, is left to `compose`.
    """
    try:
        return _usual_nodes(text)
    except _Unusual:
        return compose(text)


class _Unusual(Exception):
    """A text that is left to `compose`."""


def _usual_nodes(text: str) -> Node | None:
    """Return the root node of a text without tags, anchors, directives and empty list items, None of an empty one."""
    if not yaml.__with_libyaml__ or not _USUAL.fullmatch(text) or _OF_COMPOSE.search(text):
        raise _Unusual
    try:
        return _UsualNodes(yaml.parse(text, Loader=yaml.CSafeLoader)).root()
    except yaml.YAMLError as error:
        raise _Unusual from error


class _UsualNodes:
    """Makes nodes of libyaml's events, one by one: of too many or too deep ones no more are parsed. Raises _Unusual."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events, self._tag_of, self._left = events, _plain_tags(), MOST_VALUES

    def root(self) -> Node | None:
        """Return the root node of the only document, None of an empty one."""
        _, start = next(self._events), next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            return None
        root = self.node(next(self._events))
        _, end = next(self._events), next(self._events)
        if start.version or start.tags or not isinstance(end, yaml.StreamEndEvent):
            raise _Unusual
        return root

    def node(self, event: Any, level: int = 0, *, may_be_empty: bool = False) -> Node:
        """Return the node that begins with an event, of which as many levels are around."""
        self._left -= 1
        if isinstance(event, yaml.AliasEvent) or event.anchor or event.tag or level > MOST_LEVELS or not self._left:
            raise _Unusual
        if isinstance(event, yaml.ScalarEvent):
            is_plain = event.implicit[0]
            if is_plain and not event.value and not may_be_empty:
                raise _Unusual
            return ScalarNode(self._tag_of(event.value) if is_plain else TEXT, event.value, event.start_mark)
        if isinstance(event, yaml.SequenceStartEvent):
            return SequenceNode(LIST, [*self._items(level + 1)], event.start_mark)
        return MappingNode(MAPPING, [*self._pairs(level + 1)], event.start_mark)

    def _items(self, level: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self.node(event, level)

    def _pairs(self, level: int) -> Iterator[tuple[Node, Node]]:
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            yield self.node(event, level), self.node(next(self._events), level, may_be_empty=True)


@cache
def _plain_tags() -> Callable[[str], str]:
    """Return what gives the tag of a scalar without quotes, as `compose` does."""
    resolver = YAML(typ="safe", pure=True).resolver

    @lru_cache(TAGS_KEPT)
    def tag_of(value: str) -> str:
        return str(resolver.resolve(ScalarNode, value, (True, False)))

    tag_of("")  # the resolver learns its patterns, which a second thread must not see half done
    return tag_of


class _Composer(Composer):
    """Counts nodes, and says where a number or an escape stands that the parser cannot convert."""

    _nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._nodes += 1
        if self._nodes > MOST_VALUES:
            mark = self.parser.peek_event().start_mark
            raise BadSource(f"found more than {MOST_VALUES:,} values, allowed so many", mark.line + 1, mark.column + 1)
        return super().compose_node(parent, index)

    def get_single_node(self) -> Any:
        try:
            return super().get_single_node()
        except (ValueError, OverflowError) as error:
            mark = self.loader.reader.get_mark()
            message = "found an escape or a number that is too large, allowed one YAML 1.2 document"
            raise BadSource(message, mark.line + 1, mark.column + 1) from error


def _syntax(problem: str) -> str:
    """Return what the parser complains of in our form of words."""
    words = " ".join(problem.split()).removeprefix("but ").removeprefix("found ")
    if expected := re.fullmatch(r"expected (.+?),? but (?:got|found) (.+)", words):
        return f"found {expected[2]}, allowed {expected[1]} (YAML 1.2)"
    return f"found {words}, allowed one YAML 1.2 document"


def scalar(node: ScalarNode) -> str | int | float | bool | None:
    """Return the value of a scalar in the core schema of YAML 1.2. Raises BadSource."""
    text, kind = str(node.value), str(node.tag).removeprefix(TAG)
    if kind in ("int", "float"):
        if len(text) > MOST_NUMBER:
            raise _bad(node, f"found a number of {len(text)} characters, allowed {MOST_NUMBER}")
        try:
            return _integer(text) if kind == "int" else _real(text)
        except ValueError as error:  # `!!int apple`
            raise _bad(node, f"found {text!r}, allowed a number after !!{kind}") from error
    if kind in ("null", "bool"):
        return None if kind == "null" else text.lower() == "true"
    if found := _NO_TEXT.search(text):
        raise _bad(node, f"found the character {found[0]!r}, allowed text without it")
    return text


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    return int(digits, 0 if digits.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else 10)


def _real(text: str) -> float:
    return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").lower())


def _bad(node: Node, message: str) -> BadSource:
    return BadSource(message, node.start_mark.line + 1, node.start_mark.column + 1)
