"""Causes of gaps: what a station says of itself decides, and what nobody can know is said to be unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from quantrac.telemetry.gaps import EventNote, GapCause, OutOfService, ReadingGap, explain

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WHOLE = [(NOON - 600 * MINUTE, NOON + 600 * MINUTE)]


def gap(kind: str, first: int = 0, last: int = 60, device: str | None = "sonde") -> ReadingGap:
    return ReadingGap("st-x/do", device, kind, NOON + first * MINUTE, NOON + last * MINUTE, last - first)


def note(minute: int, kind: str, detail: str = "", device: str | None = None) -> EventNote:
    return EventNote(NOON + minute * MINUTE, kind, device, detail)


@pytest.mark.parametrize(
    ("kind", "events", "cause", "by"),
    [
        ("cal", [note(0, "calibration", "ordered", "sonde")], GapCause.CALIBRATION, "calibration"),
        ("cal", [], GapCause.CALIBRATION, None),
        ("maint", [note(-1, "maintenance", "on, maint for 30 min: wiper")], GapCause.MAINTENANCE, "maintenance"),
        ("maint", [note(-1, "mains", "off")], GapCause.MAINTENANCE, None),
        ("test", [note(0, "restart", "boot 2, agent start 3")], GapCause.TEST, None),
        ("comm", [note(3, "device_lost", "", "sonde")], GapCause.FAULT, "device_lost"),
        ("comm", [note(3, "device_lost", "", "gauge")], GapCause.FAULT, None),
        ("comm", [note(2, "bus_lost", "sondes: no such file")], GapCause.FAULT, "bus_lost"),
        ("comm", [note(-200, "mains", "off")], GapCause.POWER, "mains"),
        ("comm", [note(-200, "mains", "off"), note(-90, "mains", "on")], GapCause.FAULT, None),
        ("comm", [note(61, "restart", "boot 2, agent start 3")], GapCause.FAULT, None),
        ("range", [note(-200, "mains", "off")], GapCause.FAULT, None),
        ("fault", [note(60, "restart", "no slots from … to …: 60 missed", "sonde")], GapCause.POWER, "restart"),
        ("fault", [note(90, "restart", "boot 2, agent start 3")], GapCause.FAULT, None),
        ("warmup", [note(1, "restart", "boot 2, agent start 3")], GapCause.POWER, "restart"),
        ("absent", [note(61, "messages_dropped", "600 unacknowledged")], GapCause.LINK, "messages_dropped"),
        ("absent", [note(61, "records_lost", "60 records lost: the disk is too slow")], GapCause.FAULT, "records_lost"),
        ("absent", [note(62, "restart", "boot 2, agent start 3")], GapCause.POWER, "restart"),
    ],
)
def test_what_a_station_says_of_itself_decides_the_cause(
    kind: str, events: list[EventNote], cause: GapCause, by: str | None
) -> None:
    (found,) = explain([gap(kind)], events, [], [])
    assert (found.cause, found.event and found.event.kind) == (cause, by)


@pytest.mark.parametrize(
    ("kind", "out", "cause"),
    [
        ("comm", OutOfService(NOON - MINUTE, NOON + 90 * MINUTE), GapCause.OUT_OF_SERVICE),
        ("absent", OutOfService(NOON, NOON + 61 * MINUTE, frozenset({"st-x/do"})), GapCause.OUT_OF_SERVICE),
        ("comm", OutOfService(NOON, NOON + 61 * MINUTE, frozenset({"st-x/ph"})), GapCause.FAULT),
        ("comm", OutOfService(NOON + 30 * MINUTE, NOON + 61 * MINUTE), GapCause.FAULT),
        ("maint", OutOfService(NOON, NOON + 61 * MINUTE), GapCause.MAINTENANCE),
        ("test", OutOfService(NOON, NOON + 61 * MINUTE), GapCause.TEST),
    ],
)
def test_what_a_person_took_out_of_service_lacks_because_of_that_unless_its_state_says_more(
    kind: str, out: OutOfService, cause: GapCause
) -> None:
    (found,) = explain([gap(kind)], [note(-200, "device_lost")], [], [], [out])
    assert found.cause is cause


def test_of_readings_that_never_came_the_centre_the_link_or_nobody_is_named() -> None:
    causes = [explain([gap("absent")], [], silent, deaf)[0].cause for silent, deaf in (
        (WHOLE, WHOLE), (WHOLE, []), ([], []), ([(NOON, NOON + MINUTE)], []),
        ([], [(NOON + MINUTE / 2, NOON + 60.5 * MINUTE)]), ([], [(NOON + 30 * MINUTE, NOON + 90 * MINUTE)]),
        ([(NOON + 5 * MINUTE, NOON + 61 * MINUTE)], []), ([(NOON, NOON + 40 * MINUTE)], []),
    )]  # fmt: skip
    assert causes == [
        GapCause.CENTRE, GapCause.LINK, GapCause.UNKNOWN, GapCause.UNKNOWN,
        GapCause.CENTRE, GapCause.UNKNOWN, GapCause.LINK, GapCause.UNKNOWN,
    ], "most of what is missing was due while nobody listened, or nothing came"  # fmt: skip
    (heard, lost) = ((NOON - 5 * MINUTE, NOON + MINUTE), (NOON + MINUTE / 2, NOON + 2 * MINUTE))
    single = [explain([gap("absent", 0, 1)], [], [silent], [])[0].cause for silent in (heard, lost)]
    assert single == [GapCause.UNKNOWN, GapCause.LINK], (
        "another channel came at the time of the missing reading, or not"
    )


def test_the_newest_of_several_events_is_the_evidence() -> None:
    (found,) = explain([gap("comm")], [note(1, "bus_reopened"), note(9, "device_lost", "", "sonde")], [], [])
    assert found.event is not None
    assert found.event.kind == "device_lost"
