"""Which maintenance is in force, by the newest word of each device."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.console.set_aside import in_maintenance

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("detail", "ago", "switch_ms", "expected"),
    [
        ("on, maint for 30 min: wiper: new", 10 * MINUTE, None, ("maint", "sonde", "wiper: new", 20, True)),
        ("on, cal for 90 min", 10 * MINUTE, DAY_MS, ("cal", "sonde", "", 80, True)),
        ("on, maint for 0.5 min", 0 * MINUTE, None, ("maint", "sonde", "", 0.5, True)),
        ("on, maint for 30 min", 30 * MINUTE, None, None),
        ("on", 60 * MINUTE, 7_200_000, ("maint", None, "", 60, False)),  # the switch in the cabinet: the whole station
        ("on", 60 * MINUTE, None, ("maint", None, "", None, False)),
        ("on", 60 * MINUTE, 3_600_000, None),
    ],
)
def test_an_order_holds_for_its_time_and_the_switch_until_it_is_forgotten(
    detail: str, ago: timedelta, switch_ms: float | None, expected: tuple[object, ...] | None
) -> None:
    found = list(in_maintenance([("st-a", "sonde", NOW - ago, detail, switch_ms, None)], NOW))
    if expected is None:
        assert found == []
        return
    (row,) = found
    left = None if row.until is None else (row.until / 1000 - NOW.timestamp()) / 60
    assert (row.kind, row.device, row.reason, left, row.is_order) == expected
