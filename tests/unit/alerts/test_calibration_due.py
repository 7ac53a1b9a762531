"""When the calibration of a device is worth an alarm, what people read of it, and that it wakes nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.alarm.change import Purpose
from alerts.telling import gsm
from alerts.telling.contact import Addressee
from alerts.telling.explanation import explain
from alerts.telling.letter import letter
from alerts.telling.notice import Notice, worded
from alerts.telling.routes import Routing
from alerts.telling.short_message import short_message
from alerts.telling.stages import Case, Matter, quiet_hours
from alerts.watchdogs.calibration_due import Calibrated, Stage, texts_of, wanted
from quantrac.config.notifications import Medium, QuietHours, Repeat, Route
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

DUE_AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
DAY = timedelta(days=1)
WEEK = 7 * DAY
DEVICE = Calibrated("st-a", "sonde", 1, DUE_AT - 30 * DAY, DUE_AT, 30 * DAY, is_out=False, alarm=None)


@pytest.mark.parametrize(
    ("after_due", "expected"),
    [(-timedelta(seconds=1), None), (timedelta(), Stage.DUE), (WEEK - DAY, Stage.DUE), (WEEK, Stage.OVERDUE)],
)
def test_a_calibration_is_due_then_overdue(after_due: timedelta, expected: Stage | None) -> None:
    assert wanted(DEVICE, WEEK, DUE_AT + after_due) is expected


def test_a_station_that_never_sent_an_event_is_not_reminded_of() -> None:
    assert wanted(replace(DEVICE, last_at=None, due_at=None), WEEK, DUE_AT + 90 * DAY) is None


def test_out_of_service_nothing_rises_and_nothing_gets_worse_but_what_is_over_ends() -> None:
    out = replace(DEVICE, is_out=True)
    assert wanted(out, WEEK, DUE_AT + DAY) is None
    assert wanted(replace(out, alarm=Stage.DUE), WEEK, DUE_AT + WEEK) is Stage.DUE
    assert wanted(replace(out, alarm=Stage.DUE, due_at=DUE_AT + 30 * DAY), WEEK, DUE_AT + WEEK) is None


@pytest.mark.parametrize("purpose", [Purpose.RAISED, Purpose.CLEARED])
@pytest.mark.parametrize("level", Stage)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_message_says_which_device_since_when_and_what_to_do(level: Stage, language: str, purpose: Purpose) -> None:
    texts = texts_of(replace(DEVICE, device="water-quality-2"), level, ZONE)
    station = Words("Khu nuôi tôm Vĩnh Châu - Lai Hòa", "Vinh Chau - Lai Hoa shrimp area")
    said = worded(Notice(purpose, 17, Severity.LOW, station, DUE_AT, DUE_AT, ZONE, texts), language)
    short = short_message(said)
    assert gsm.length(short).segments == 1, short
    assert "water-quality-2" in short
    if purpose is Purpose.RAISED:
        assert "24/11/2026" in short
        assert "edge maint --cal" in short
        assert "25/10/2026" in letter(said).body


def test_nobody_is_woken_for_it_nor_called_again() -> None:
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    routing = Routing(
        (Route(to="technicians", severity=(Severity.LOW, Severity.MEDIUM, Severity.HIGH), by=("sms", "email")),),
        QuietHours.model_validate({"from": "21:00", "to": "04:30", "groups": ["farmers"]}),
        zone,
        breakthrough=frozenset(Severity),
        repeat=Repeat(every="1h", severity=(Severity.LOW,)),
    )
    technician = Addressee(1, "x", "vi", "+84912345678", "x@example.org", frozenset({"technicians"}), frozenset())
    night, morning = (datetime(2026, 11, 24, hour, tzinfo=zone) for hour in (2, 5))
    dawn = datetime(2026, 11, 24, 4, 30, tzinfo=zone)
    matter = Matter(Purpose.RAISED, "st-a", Severity.LOW, frozenset({"technicians"}), by_day=True)
    lines = list(explain([technician], routing, matter, night, {}))
    assert {(line.occasion, line.medium, line.told_at) for line in lines} == {
        ("raised", "sms", dawn),
        ("raised", "email", night),
    }

    def held_until(contact: Addressee, at: datetime, plan: Routing = routing) -> datetime | None:
        ruling = quiet_hours(Case(contact, Medium.SMS, ("technicians",), replace(matter, at=at), plan))
        return None if ruling is None else ruling.until

    assert held_until(technician, morning) is None
    never = replace(routing, quiet_hours=None)
    assert held_until(technician, night, never) == datetime(2026, 11, 24, 6, tzinfo=zone)
    own = replace(technician, quiet=(time(0), time(7)), wake=Severity.LOW)
    assert held_until(own, morning) == datetime(2026, 11, 24, 7, tzinfo=zone)
