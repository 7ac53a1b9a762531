"""Causes of the gaps on the page of the open shift: those of another shift are none of its own."""

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dashboards.console.gap_causes import GapCauses
from quantrac.desks import shift
from quantrac.desks.shift_content import Causes, ItemKind, ShiftContent, ShiftItem

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def page(number: int) -> ShiftContent:
    gaps = ShiftItem("gaps st-a", ItemKind.GAPS, "st-a", NOW, {})
    return ShiftContent(number, NOW, NOW, NOW, {}, [gaps], [], [], [])


def test_whoever_has_just_handed_over_sees_no_causes_of_the_shift_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(_: object, content: ShiftContent, station: str) -> Causes:
        return [{"cause": "link", "readings": content.shift_id, "station": station}]

    monkeypatch.setattr(shift, "gap_causes", found)
    causes = GapCauses(cast(Any, SimpleNamespace(pool=SimpleNamespace(connection=nullcontext))))
    for number in (7, 8):
        content = page(number)
        assert causes.lacking(content) == ["st-a"]
        assert causes.added(content).items[0].facts == {}
        causes.find_out(content)
        assert causes.lacking(content) == []
        (shown,) = causes.added(content).items
        assert shown.facts["causes"] == [{"cause": "link", "readings": number, "station": "st-a"}]
