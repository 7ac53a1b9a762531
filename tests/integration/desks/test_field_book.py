"""The field book on a real database: versions, events that join their visit, certificates that end, nothing deleted."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from quantrac.cli.commands.certificates import app as certificates_app
from quantrac.cli.commands.visits import app as visits_app
from quantrac.desks import certificates, field_book
from quantrac.desks.certificates import CertificateSheet
from quantrac.desks.entries import BadEntry, EntryOvertaken, NoSuchEntry
from quantrac.desks.field_book import DeviceWork, VisitSheet, WorkKind
from quantrac.desks.overview import look
from tests.integration.database.conftest import NOON, World

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = NOON + DAY
DEVICES = {"sonde": {"calibration": {"every_ms": 30 * 86_400_000}}, "gauge": {}}
CALIBRATED = DeviceWork("sonde", WorkKind.CALIBRATION, "do", 7.9, 8.2, 8.2)
SHEET = VisitSheet(
    "st-test", NOON, NOON + HOUR, (CALIBRATED, DeviceWork("gauge", WorkKind.CLEANING)), "An, Bình", "nước đục"
)


@pytest.fixture
def book(world: World) -> World:
    """The station with two devices, of which one has an interval."""
    world.conn.execute("update station set config = %s", [Jsonb({"devices": DEVICES})])
    return world


def event(book: World, at: datetime, device: str | None = "sonde", kind: str = "calibration") -> None:
    book.conn.execute(
        "insert into station_event (time, station, device, kind, detail, epoch, seq, index, received_at)"
        " select %s, 'st-test', %s, %s, 'ordered', 'e', count(*) + 1, 0, %s from station_event",
        [at, device, kind, at],
    )


def served(book: World) -> list[tuple[object, ...]]:
    """Return what the public view has, by its promised columns and the number of the visit."""
    return book.conn.execute(
        "select device, kind, at, before, after, serial, person, words, visit_id from v_service_visit"
        " order by at, device"
    ).fetchall()


def test_a_calibration_over_the_wire_joins_the_visit_of_its_hours_and_stands_once(book: World) -> None:
    for at in (NOON + 10 * timedelta(minutes=1), NOON + 30 * timedelta(minutes=1), NOON + 3 * HOUR):
        event(book, at)
    event(book, NOON - timedelta(minutes=50), "gauge")
    assert [row[-1] for row in served(book)] == [None] * 4
    number = field_book.add(book.conn, SHEET, "An", NOW).visit_id
    half_past = NOON + 30 * timedelta(minutes=1)
    assert served(book) == [
        ("gauge", "calibration", NOON - timedelta(minutes=50), None, None, None, None, "ordered", number),
        ("gauge", "cleaning", NOON, None, None, None, "An", "nước đục", number),
        ("sonde", "calibration", half_past, 7.9, 8.2, None, "An", "nước đục", number),
        ("sonde", "calibration", NOON + 3 * HOUR, None, None, None, None, "ordered", None),
    ]
    assert book.one("select last_at from v_calibration where device = 'sonde'") == NOON + 3 * HOUR
    again = VisitSheet(
        "st-test", NOON + HOUR, NOON + 4 * HOUR, (DeviceWork("sonde", WorkKind.PROBE_CHANGE, serial="4711"),)
    )
    second = field_book.add(book.conn, again, "Bình", NOW).visit_id
    by_number = [(row[1], row[-1]) for row in served(book) if row[0] == "sonde"]
    assert by_number == [("calibration", number), ("probe_change", second), ("calibration", second)], (
        "two visits have the hours of the first events: it goes where the work is named"
    )
    assert field_book.serials(book.conn, "st-test") == {"sonde": ("4711", NOON + HOUR)}
    field_book.withdraw(book.conn, number, "An", "nhầm trạm", NOW)
    assert {row[-1] for row in served(book)} == {second, None}


def test_what_was_done_in_visits_is_whole_and_what_only_the_station_said_is_bounded(book: World) -> None:
    for hour in range(3):
        event(book, NOON - 10 * DAY + hour * HOUR, "gauge")
    works = tuple(DeviceWork(device, kind) for device in DEVICES for kind in WorkKind)
    for day in range(30):
        sheet = VisitSheet("st-test", NOON - day * DAY, NOON - day * DAY + HOUR, works)
        field_book.add(book.conn, sheet, "An", NOW)
    event(book, NOON + 5 * HOUR)
    event(book, NOON - 20 * DAY + 5 * HOUR)
    visits = field_book.visits(book.conn, "st-test", limit=25)
    found = field_book.service_of(book.conn, "st-test", visits, visits[-1].arrived_at, 1)
    assert len([row for row in found if row.person]) == 25 * len(works)
    assert [row.at for row in found if row.visit_id is None] == [NOON + 5 * HOUR]


def test_a_calibration_in_the_book_counts_though_the_station_said_nothing(book: World) -> None:
    event(book, NOON - 40 * DAY, None, "restart")
    (due,) = look(book.conn, NOW).calibrations
    assert (due.device, due.last_at, due.due_at) == ("sonde", None, NOON - 10 * DAY)
    field_book.add(book.conn, SHEET, "An", NOW)
    (due,) = look(book.conn, NOW).calibrations
    assert (due.last_at, due.due_at) == (NOON, NOON + 30 * DAY)


def test_a_correction_is_a_version_and_who_comes_later_sees_it_first(book: World) -> None:
    conn = book.conn
    conn.execute("set role quantrac_console")
    first = field_book.add(conn, SHEET, "An", NOW)
    assert (first.version, first.reason, first.works) == (1, None, list(SHEET.works))
    better = SHEET._replace(works=(CALIBRATED._replace(after=8.3),))
    second = field_book.correct(conn, first.visit_id, better, "Bình", "gõ nhầm", NOW, seen=1)
    assert (second.version, second.person, second.reason) == (2, "Bình", "gõ nhầm")
    with pytest.raises(EntryOvertaken, match="Bình has corrected this"):
        field_book.correct(conn, first.visit_id, SHEET, "An", "khác", NOW, seen=1)
    for wrong in ({"station": "st-nowhere"}, {"works": (DeviceWork("radio", WorkKind.REPAIR),)},
                  {"works": (CALIBRATED._replace(channel="cod"),)}):  # fmt: skip
        with pytest.raises(BadEntry):
            field_book.add(conn, SHEET._replace(**wrong), "An", NOW)
    with pytest.raises(BadEntry, match="needs a reason"):
        field_book.correct(conn, first.visit_id, SHEET, "An", " ", NOW)
    with pytest.raises(NoSuchEntry):
        field_book.withdraw(conn, first.visit_id, "An", "nhầm", NOW, station="st-other")
    conn.execute("reset role")
    conn.execute("update station set config = %s", [Jsonb({"devices": {"gauge": {}}})])
    conn.execute("set role quantrac_console")
    with pytest.raises(BadEntry, match="no device sonde"):
        field_book.add(conn, SHEET, "An", NOW)
    third = field_book.correct(conn, first.visit_id, better._replace(words="trong"), "Bình", "gõ nhầm", NOW, seen=2)
    assert third.works == list(better.works), "the device has gone from the station file, not from the visit"
    field_book.withdraw(conn, first.visit_id, "Chi", "không có chuyến này", NOW, seen=3)
    assert field_book.visits(conn) == []
    with pytest.raises(BadEntry, match="was withdrawn by Chi"):
        field_book.correct(conn, first.visit_id, SHEET, "An", "lại", NOW)
    found = field_book.versions(conn, first.visit_id)
    assert [(one.version, one.withdrawn, one.person) for one in found] == [
        (4, True, "Chi"), (3, False, "Bình"), (2, False, "Bình"), (1, False, "An"),
    ]  # fmt: skip
    assert found[3] == first
    conn.execute("reset role")
    acts = conn.execute("select action, person, reason from audit where subject like 'visit %' order by audit_id")
    assert acts.fetchall() == [
        ("add", "An", None), ("amend", "Bình", "gõ nhầm"), ("amend", "Bình", "gõ nhầm"),
        ("withdraw", "Chi", "không có chuyến này"),
    ]  # fmt: skip
    for table in ("service_visit", "service_work", "certificate", "sample", "sample_step", "sample_result"):
        for act in (f"delete from {table}", f"truncate {table} cascade"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="are never changed"):
                conn.execute(act)


def test_a_certificate_that_ends_is_told_until_another_one_of_its_kind_holds_for_longer(
    book: World, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn, today = book.conn, NOW.date()
    sheet = CertificateSheet("st-test", "sonde", "calibration", "HC-1", "Quatest 3", today - DAY, today + 30 * DAY)
    conn.execute("set role quantrac_console")
    first = certificates.add(conn, sheet, "An", NOW)
    certificates.add(conn, sheet._replace(device="gauge", expires_on=today + 31 * DAY), "An", NOW)
    past = sheet._replace(kind="verification", number="KD-1", issued_on=date(2025, 1, 1), expires_on=today - DAY)
    ended = certificates.add(conn, past, "An", NOW)
    told = [(one.number, one.expires_on) for one in certificates.expiring(conn, NOW)]
    assert told == [("KD-1", today - DAY), ("HC-1", today + 30 * DAY)]
    evening = datetime.combine(today - DAY, time(17, 30), UTC)  # the next day has begun in Cần Thơ
    told_then = [(one.number, one.ended) for one in certificates.expiring(conn, evening)]
    assert told_then == [("KD-1", True), ("HC-1", False)]
    assert [one.number for one in certificates.expiring(conn, NOW, frozenset({"st-other"}))] == []
    longer = certificates.correct(
        conn, first.certificate_id, sheet._replace(expires_on=today + 200 * DAY), "Bình", "đọc nhầm ngày", NOW, seen=1
    )
    assert longer.version == 2
    certificates.add(conn, past._replace(number="KD-2", issued_on=today, expires_on=today + 365 * DAY), "An", NOW)
    assert certificates.expiring(conn, NOW) == []
    conn.execute("reset role")
    conn.execute("update station set config = %s", [Jsonb({"devices": {"gauge": {}}})])
    certificates.correct(conn, ended.certificate_id, past._replace(words="mờ"), "An", "gõ nhầm", NOW)
    conn.execute("update station set config = %s", [Jsonb({"devices": DEVICES})])
    conn.execute("set role quantrac_console")
    certificates.withdraw(conn, ended.certificate_id, "An", "của trạm khác", NOW)
    for wrong in (
        {"device": "radio"},
        {"number": " "},
        {"expires_on": today - 2 * DAY},
        {"issued_on": today + 9 * DAY},
    ):
        with pytest.raises(BadEntry):
            certificates.add(conn, sheet._replace(**wrong), "An", NOW)
    conn.execute("reset role")
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)
    run = CliRunner()

    def said(app: object, *words: str) -> str:
        done = run.invoke(app, list(words), catch_exceptions=False)  # type: ignore[arg-type]
        assert done.exit_code == 0, done.output
        return done.output

    dates = ["--issued-on", "2026-11-01", "--expires-on", "2027-11-01", "--person", "Dũng"]
    added = said(certificates_app, "add", "st-test", "gauge", "--number", "HC-9", "--issued-by", "TT", *dates)
    number = added.split()[0]
    named = ["--number", "HC-10", "--issued-by", "TT", *dates, "--reason", "số sai"]
    assert "calibration HC-10 by TT  2026-11-01 .. 2027-11-01" in said(certificates_app, "correct", number, *named)
    assert "withdrawn" in said(certificates_app, "withdraw", number, "--reason", "nhầm", "--person", "Dũng")
    listed = json.loads(said(certificates_app, "list", "--json"))
    assert {one["number"] for one in listed} == {"HC-1", "KD-2"}
    hours = ["--arrived", "2026-11-24T12:00+07:00", "--left", "2026-11-24T13:00+07:00", "--person", "Dũng"]
    work = ["--work", "calibration sonde do before=7.9 after=8.2"]
    number = said(visits_app, "add", "st-test", *hours, *work).split()[0]
    corrected = said(visits_app, "correct", number, *hours, "--work", "cleaning sonde", "--reason", "nhầm")
    assert "version 2" in corrected
    assert "calibration  sonde  do  7.9 -> 8.2" in said(visits_app, "show", number)
    assert "cleaning  sonde  (Dũng)" in said(visits_app, "history", "st-test")
    said(visits_app, "withdraw", number, "--reason", "nhầm", "--person", "Dũng")
    assert said(visits_app, "list") == ""
    assert datetime.fromisoformat(json.loads(said(visits_app, "list", "--all", "--json"))[0]["at"]).tzinfo == UTC
