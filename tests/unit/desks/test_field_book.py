"""Sheets of the field book: what cannot have been is refused; certificates by day; what a page lists of both."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import typer

from dashboards.console.field_book_page import timeline
from quantrac.cli.commands.visits import work_of
from quantrac.desks.certificates import standing
from quantrac.desks.entries import BadEntry, check_reason, checked
from quantrac.desks.field_book import DeviceWork, ServiceRow, Visit, VisitSheet, WorkKind, check_sheet

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHEET = VisitSheet("st-a", NOW - HOUR, NOW, (DeviceWork("sonde", WorkKind.CALIBRATION, "do", 7.9, 8.2, 8.2),))


@pytest.mark.parametrize(
    "wrong",
    [
        {"arrived_at": NOW + timedelta(seconds=1)}, {"left_at": NOW + HOUR}, {"arrived_at": NOW - timedelta(days=8)},
        {"works": SHEET.works * 2}, {"works": (DeviceWork("sonde", WorkKind.CHECK, None, 7.0),)},
        {"works": (DeviceWork("sonde", WorkKind.CHECK, "do", 1e300),)},
        {"works": (DeviceWork("sonde", WorkKind.CHECK, "do", float("nan")),)},
        {"works": tuple(DeviceWork(f"d{n}", WorkKind.CLEANING) for n in range(201))},
    ],
)  # fmt: skip
def test_a_visit_that_cannot_have_been_is_refused(wrong: dict[str, Any]) -> None:
    check_sheet(SHEET, NOW)
    check_sheet(SHEET._replace(left_at=NOW + timedelta(minutes=4)), NOW)  # the clocks of telephone and centre differ
    with pytest.raises(BadEntry):
        check_sheet(SHEET._replace(**wrong), NOW)


def test_what_people_write_is_kept_without_blanks_and_refused_where_no_page_can_show_it() -> None:
    assert checked("  nước đục\n") == "nước đục"
    for wrong in ("a\x00b", "x" * 2001):
        with pytest.raises(BadEntry):
            checked(wrong)
    with pytest.raises(BadEntry, match="needs a reason"):
        check_reason("  ")


def test_a_certificate_is_valid_on_its_last_day_and_warned_of_thirty_days_ahead() -> None:
    end = date(2026, 12, 31)
    days = [date(2026, 11, 30), date(2026, 12, 1), end, date(2027, 1, 1)]
    assert [standing(end, day) for day in days] == ["valid", "expiring", "expiring", "expired"]


def test_the_command_line_says_a_work_in_a_line() -> None:
    assert work_of("calibration sonde do before=7.9 after=8.2 reference=8.2") == SHEET.works[0]
    changed = work_of("probe_change sonde serial=4711 words='nắp mòn'")
    assert changed == DeviceWork("sonde", WorkKind.PROBE_CHANGE, serial="4711", words="nắp mòn")
    for wrong in (
        "",
        "calibration",
        "polish sonde",
        "check sonde do before=x",
        "check a b c",
        "check a x=1",
        "check 'a",
    ):
        with pytest.raises(typer.BadParameter, match="expected KIND DEVICE"):
            work_of(wrong)


def row(at: datetime, visit_id: int | None, kind: str, person: str | None = "An") -> ServiceRow:
    return ServiceRow(
        "st-a", "sonde", kind, at, None, None, None, person, "", visit_id, None, None, None, None, None
    )  # fmt: skip


def test_the_page_lists_visits_with_their_works_and_what_only_the_station_said_newest_first() -> None:
    signed: Any = {"version": 1, "station": "st-a", "withdrawn": False, "person": "An", "at": NOW, "reason": None}
    visit = Visit(7, NOW - HOUR, NOW, "", "", **signed)
    own, said, bare = row(NOW, 7, "cleaning"), row(NOW, 7, "calibration", None), row(NOW, 7, "visit")
    alone, of_older = row(NOW + HOUR, None, "calibration", None), row(NOW - 5 * HOUR, 3, "cleaning")
    listed = timeline([visit], [alone, own, said, bare, of_older])
    assert listed == [(NOW + HOUR, None, [alone]), (NOW - HOUR, visit, [own, said])]
