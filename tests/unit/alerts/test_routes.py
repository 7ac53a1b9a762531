"""Routes: who gets a message by which medium."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.alarm.change import Purpose
from alerts.telling.contact import Addressee, Medium
from alerts.telling.routes import Routing
from alerts.telling.stages import Case, Matter, quiet_hours, recipients
from quantrac.config.notifications import QuietHours, Route
from quantrac.telemetry.severity import Severity

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
QUIET = QuietHours.model_validate({"from": "21:00", "to": "04:30", "groups": ["farmers"]})
ROUTES = (
    Route(to="operators", severity=tuple(Severity), by=("email",)),
    Route(to="operators", severity=(Severity.HIGH, Severity.CRITICAL), by=("sms",), cleared=False),
    Route(to="farmers", severity=(Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL), by=("sms",)),
)
ROUTING = Routing(ROUTES, QUIET, ZONE)


def contact(
    id_: int, *groups: str, phone: bool = True, email: bool = True, stations: tuple[str, ...] = ()
) -> Addressee:
    return Addressee(
        id_, "x", "vi", "+84912345678" if phone else None, "x@example.org" if email else None,
        frozenset(groups), frozenset(stations),
    )  # fmt: skip


def told(
    contacts: list[Addressee], severity: Severity, *groups: str, station: str = "st-my-thanh"
) -> list[tuple[int, str]]:
    people = recipients(ROUTING, contacts, Matter(Purpose.RAISED, station, severity, frozenset(groups)))
    return [(person.contact.contact_id, person.medium.value) for person in people]


def test_routes_of_the_level_s_groups_add_up() -> None:
    both = [contact(1, "operators"), contact(2, "farmers")]
    assert told(both, Severity.LOW, "operators", "farmers") == [(1, "email")]
    assert told(both, Severity.MEDIUM, "operators", "farmers") == [(1, "email"), (2, "sms")]
    assert told(both, Severity.CRITICAL, "operators", "farmers") == [(1, "sms"), (1, "email"), (2, "sms")]


def test_a_group_that_the_level_does_not_name_is_not_told() -> None:
    assert told([contact(1, "operators"), contact(2, "farmers")], Severity.HIGH, "farmers") == [(2, "sms")]


def test_nobody_is_told_twice_by_one_way() -> None:
    assert told([contact(1, "operators", "farmers")], Severity.HIGH, "operators", "farmers") == [
        (1, "sms"),
        (1, "email"),
    ]


def test_a_way_without_an_address_is_left_out() -> None:
    assert told([contact(1, "operators", phone=False)], Severity.HIGH, "operators") == [(1, "email")]


def test_contacts_of_some_stations_hear_only_of_these() -> None:
    people = [contact(1, "farmers", stations=("st-my-thanh",)), contact(2, "farmers", stations=("st-tran-de",))]
    assert told(people, Severity.HIGH, "farmers", station="st-tran-de") == [(2, "sms")]


def test_the_end_is_told_where_a_route_says_so() -> None:
    operator = contact(1, "operators")
    assert ROUTING.wants_the_end(operator, Medium.EMAIL, Severity.HIGH)
    assert not ROUTING.wants_the_end(operator, Medium.SMS, Severity.HIGH)
    assert ROUTING.wants_the_end(contact(2, "farmers"), Medium.SMS, Severity.HIGH)


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-03-01 20:59", None),
        ("2026-03-01 21:00", "2026-03-02 04:30"),
        ("2026-03-01 23:59", "2026-03-02 04:30"),
        ("2026-03-02 03:00", "2026-03-02 04:30"),
        ("2026-03-02 04:30", None),
        ("2026-03-02 12:00", None),
    ],
)
def test_a_short_message_waits_for_the_end_of_quiet_hours(local: str, expected: str | None) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=ZONE)
    then = None if expected is None else datetime.fromisoformat(expected).replace(tzinfo=ZONE)
    assert held_until(contact(1, "farmers"), now.astimezone(UTC)) == then
    assert held_until(contact(1, "farmers"), now.astimezone(UTC), breaks=True) is None


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("Asia/Kathmandu", "2026-03-01 15:15", "2026-03-01 22:45"),  # 21:00 to 04:30, UTC+5:45
        ("America/Santiago", "2026-09-06 02:00", "2026-09-06 07:30"),  # the night in which clocks go forward
        ("America/Santiago", "2026-09-06 23:59", None),  # 20:59
    ],
)
def test_quiet_hours_are_those_of_the_network_s_clocks(zone: str, now: str, expected: str | None) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    then = None if expected is None else datetime.fromisoformat(expected).replace(tzinfo=UTC)
    routing = Routing(ROUTES, QUIET, ZoneInfo(zone))
    assert held_until(contact(1, "farmers"), moment, routing=routing) == then


def held_until(
    person: Addressee, now: datetime, medium: Medium = Medium.SMS, routing: Routing = ROUTING, *, breaks: bool = False
) -> datetime | None:
    """Return until when quiet hours hold a message; None: they do not."""
    matter = Matter(Purpose.RAISED, "st-my-thanh", Severity.HIGH, at=now, breaks=breaks)
    ruling = quiet_hours(Case(person, medium, ("farmers",), matter, routing))
    return None if ruling is None else ruling.until


def test_quiet_hours_hold_no_mail_and_nobody_who_is_also_on_duty() -> None:
    night = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)  # 03:00 in Vietnam
    assert held_until(contact(1, "farmers"), night, Medium.EMAIL) is None
    assert held_until(contact(1, "farmers", "operators"), night) is None


def test_quiet_hours_within_one_day() -> None:
    noon = Routing(ROUTES, QuietHours.model_validate({"from": "11:30", "to": "13:00", "groups": ["farmers"]}), ZONE)
    inside, outside = (datetime(2026, 3, 1, hour, 0, tzinfo=ZONE) for hour in (12, 13))
    assert held_until(contact(1, "farmers"), inside, routing=noon) == outside
    assert held_until(contact(1, "farmers"), outside, routing=noon) is None
