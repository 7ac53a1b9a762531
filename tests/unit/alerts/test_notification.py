"""Purposes and statuses of notifications stand in one enum each; SQL takes its words from there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from alerts.alarm.change import Purpose
from alerts.telling.notification import MessageStatus

ROOM = Path(__file__).parents[3] / "alerts"
WORD = re.compile(rf"'({'|'.join([*MessageStatus, *Purpose])})'")


def statements(path: Path) -> Iterator[str]:
    """Give each text of a module that speaks of the table, as it is written; what an f-string fills in is left out."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        pieces = node.values if isinstance(node, ast.JoinedStr) else [node]
        text = "?".join(one.value for one in pieces if isinstance(one, ast.Constant) and isinstance(one.value, str))
        if re.search(r"\bnotification\b", text):
            yield text


def test_no_statement_about_notifications_spells_a_status_or_a_purpose_itself() -> None:
    written = [(path, text) for path in sorted(ROOM.rglob("*.py")) for text in statements(path)]
    assert len(written) > 15
    assert [(path.name, WORD.findall(text)) for path, text in written if WORD.search(text)] == []
