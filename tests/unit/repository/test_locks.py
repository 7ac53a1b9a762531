"""Advisory locks of the database are numbers: two with one number would shut each other out."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).parents[3]
LOCK = re.compile(r"^(\w+_LOCK): Final = (0x[0-9a-fA-F_]+)$", re.MULTILINE)


def test_no_two_advisory_locks_have_the_same_number() -> None:
    found = {
        f"{path.relative_to(PROJECT)}:{name}": int(number, 16)
        for room in ("alerts", "dashboards", "ingest", "quantrac")
        for path in (PROJECT / room).rglob("*.py")
        for name, number in LOCK.findall(path.read_text("utf-8"))
    }
    assert len(found) >= 6
    twice = {number for number, times in Counter(found.values()).items() if times > 1}
    assert [name for name, number in found.items() if number in twice] == []
