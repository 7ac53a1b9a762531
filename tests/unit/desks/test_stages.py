"""Who may sign a day, and which days are left; what of a trace is computed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from quantrac.desks.stages import SignableDay, Signer, why_left
from quantrac.desks.trace import labels_of, window_begin
from quantrac.telemetry.indices.formulas import FORMULAS, Basis
from quantrac.telemetry.local_time import Calendar

CAME = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
LAN = Signer("Nguyễn Thị Lan", "lan")


@pytest.mark.parametrize(
    ("stage", "signer", "by", "seen", "why", "four_eyes"),
    [
        ("raw", None, LAN, None, "raw", True),
        ("reviewed", LAN, Signer("An", "an"), None, "reviewed", True),
        ("unreviewed", None, LAN, None, None, True),
        ("unreviewed", LAN, LAN, None, "own", True),
        ("unreviewed", LAN, LAN, None, None, False),
        ("unreviewed", LAN, Signer("Nguyễn Thị Lan", "lan.2"), None, None, True),
        ("unreviewed", LAN, Signer(" nguyễn thị  lan", None), None, "own", True),
        ("unreviewed", LAN, Signer("An", None), None, None, True),
        ("unreviewed", None, LAN, CAME - timedelta(seconds=1), "changed", True),
        ("unreviewed", None, LAN, CAME, None, True),
    ],
)
def test_a_day_is_left_with_its_reason(
    stage: str, signer: Signer | None, by: Signer, seen: datetime | None, why: str | None, four_eyes: bool
) -> None:
    """Two accounts of one name are two persons; a shell has no account, so that there the name tells.

    Where four eyes are not wanted any more, a day that waits is finished by whoever comes.
    """
    day = SignableDay(1, date(2026, 11, 24), stage, CAME, [], 7, signer)
    assert why_left(day, by, seen, four_eyes) == why


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("minute", [0, 1, 37, 60])
def test_a_reading_is_in_what_is_made_of_it_and_in_nothing_before_or_after(name: str, minute: int) -> None:
    calendar, formula = Calendar(ZoneInfo("Asia/Ho_Chi_Minh")), FORMULAS[name]
    time = datetime(2026, 11, 24, 5, 0, tzinfo=UTC) + timedelta(minutes=minute)
    first, last = labels_of(formula, time, calendar)
    step = {Basis.MOMENT: timedelta(minutes=1), Basis.DAY: timedelta(days=1)}.get(formula.basis, timedelta(hours=1))
    for label, is_in in ((first - step, False), (first, True), (last, True), (last + step, False)):
        assert (window_begin(formula, label, calendar) < time <= label) is is_in, label
