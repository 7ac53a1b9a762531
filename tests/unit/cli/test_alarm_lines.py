"""`quantrac alarms list`: every alarm that can stand has a line, also one without channel, value, limit or unit."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.desk import AlarmRow
from quantrac.cli.commands.alarms import _line


@pytest.mark.parametrize(
    ("value", "limit", "unit", "said"),
    [
        (2.4, 3.0, "mg/L", "do-low act  2.4 (limit 3) mg/L"),
        (13.0, None, None, "do-low act  13"),  # the books: so many messages are missing
        (None, None, None, "do-low act"),  # a silent station
    ],
)
def test_a_line_says_what_there_is(value: float | None, limit: float | None, unit: str | None, said: str) -> None:
    row = AlarmRow(
        alarm_id=1, rule="do-low", level="act", station="st-a", channel=None, severity="high", state="unacknowledged",
        raised_at=datetime(2026, 11, 24, 14, 35, tzinfo=UTC), cleared_at=None, acknowledged_at=None,
        acknowledged_by=None, late=False, value=value, limit=limit, unit=unit, no_data_since=None,
    )  # fmt: skip
    line = _line(row, ZoneInfo("Asia/Ho_Chi_Minh"))
    assert line == f"     1  2026-11-24 21:35:00  high      unacknowledged        st-a  {said}"
