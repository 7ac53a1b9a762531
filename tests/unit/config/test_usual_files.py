"""Usual files are parsed by libyaml, ten times as fast, and mean what the parser says that explains mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml.nodes import Node

from quantrac.config import documents, sources
from quantrac.config.documents import Leaf, follow, read_document_text
from quantrac.config.findings import Findings, Place
from quantrac.config.sources import BadSource

SHIPPED = {path: path.read_text("utf-8") for path in sorted(Path("station_configs").rglob("*.yaml"))}
PIECES = [
    *" \n:-,[]{}#'\"|>?!&*%@`~\\/=<09.eEx_o+ab\r", "\n  ", "\n- ", ": ", "''", "\n\n", "yes", "true", "null", "0x1F",
    "1e3", "<<", "...\n", "---\n", "é", "\\u00e9", "|\n  a", "|-\n  a\n\n", ">+\n  a\n  b\n\n", " #c", "\t", "\u2028",
    "!!int 1", "&a 1",
]  # fmt: skip


def meaning(root: Node | None) -> object:
    """Return the tree of a document and its duplicate keys, or why it has none."""
    findings = Findings()
    try:
        tree = None if root is None else documents._Planting("file", findings).tree(root, ())
    except BadSource as error:
        return str(error), error.line, error.column
    return tree, findings.problems


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_a_shipped_file_is_usual_and_means_the_same(path: Path) -> None:
    assert meaning(sources._usual_nodes(SHIPPED[path])) == meaning(sources.compose(SHIPPED[path]))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(SHIPPED.values())), st.integers(0, 200), st.integers(1, 12),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(PIECES), st.integers(0, 5)), max_size=5),
)  # fmt: skip
def test_whatever_is_read_by_libyaml_means_the_same(
    text: str, first: int, count: int, edits: list[tuple[float, str, int]]
) -> None:
    lines = text.splitlines(keepends=True)
    text = "".join(lines[first % len(lines) :][:count])
    for place, piece, gone in edits:
        at = int(place * len(text))
        text = text[:at] + piece + text[at + gone :]
    try:
        quick = sources._usual_nodes(text)
    except sources._Unusual:
        return
    assert meaning(quick) == meaning(sources.compose(text))


@pytest.mark.parametrize(
    "text", ["...\n...\n", "# a\n...\n...\n", "a: 1\n...\n...\n", "a: 1\n...\n", "a: 1\r...\r...\r"]
)
def test_marks_at_the_end_of_a_document_are_read_by_the_parser_that_explains(text: str) -> None:
    with pytest.raises(sources._Unusual):
        sources._usual_nodes(text)


@pytest.mark.parametrize("unusual", ["", "\t"])
def test_a_value_that_is_not_there_stands_where_its_key_does(unusual: str) -> None:
    """Parsers say: where the next key stands."""
    tree = read_document_text(f"a:\n  b:  # nothing{unusual}\n\nc: 1\n", "file", Findings())
    assert tree is not None
    assert follow(tree, ("a", "b"))[1:] == (Place("file", 2, 3), Leaf(None, Place("file", 2, 3)))


@pytest.mark.parametrize("text", ["[" * 400_000, "a: {" * 90_000, "[" + "[]," * 160_000 + "]"])
def test_what_is_too_deep_or_too_long_is_not_parsed_to_its_end(text: str) -> None:
    """libyaml's time grows with the square of the depth."""
    with pytest.raises(sources._Unusual):
        sources._usual_nodes(text)
