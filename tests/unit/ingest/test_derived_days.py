"""A day on which clocks are set has 23 or 25 hours, and an index of that day is made of these."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.derived.reach import labels
from ingest.derived.values import InputRow, over_hours
from ingest.spans import Span
from quantrac.telemetry.indices.formulas import Basis, Formula, Input, Options
from quantrac.telemetry.local_time import HOUR, Calendar
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State

SANTIAGO = Calendar(ZoneInfo("America/Santiago"))
HOURS_OF_DAY = Formula(
    "hours", Basis.DAY, None, (Input("of", None),), lambda columns, _: float(len(columns["of"])), "this test", hours=24
)


@pytest.mark.parametrize(
    ("begin", "hours"), [("2026-04-04 03:00", 25), ("2026-05-01 04:00", 24), ("2026-09-06 04:00", 23)]
)
def test_a_day_has_as_many_hours_as_its_clocks_say(begin: str, hours: int) -> None:
    start = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    rows = [InputRow(start + n * HOUR, 1.0, State.OK, Quality.GOOD, start) for n in range(1, hours + 1)]
    span = Span(1, rows[0].time, rows[-1].time)
    days = labels(HOURS_OF_DAY, span, None, rows[-1].time, SANTIAGO)
    made = over_hours(HOURS_OF_DAY, {"of": rows}, days, Options(), SANTIAGO)
    assert {time: value.value for time, value in made.items() if value} == {start + hours * HOUR: float(hours)}
