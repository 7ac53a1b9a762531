"""What services speak for, from the readings, the field book and the laboratory of a real database, to a review."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from quantrac.cli.commands.review import app
from quantrac.database.pool import Connection
from quantrac.desks import acts, field_book, laboratory_results, samples, service_proposals, verdicts, withdrawals
from quantrac.desks.acts import BadReview
from quantrac.desks.field_book import DeviceWork, VisitSheet, WorkKind
from quantrac.desks.laboratory_results import LaboratoryResult
from quantrac.desks.samples import SampleSheet
from quantrac.telemetry.quality import Quality
from tests.fixtures import stations
from tests.unit.quality.recorded_season import EVERY, SERVICES, TIMES, fouled, season

MICROSECOND = timedelta(microseconds=1)
EC = "st-test/ec"


def at(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + time_us * MICROSECOND


FIRST, LAST = at(int(TIMES[0])) - timedelta(hours=1), at(int(TIMES[-1]))
NOW = LAST + timedelta(days=1)


@pytest.fixture
def fouled_season(conn: Connection) -> Connection:
    """Two months of a sonde of which conductivity fouls by 3 mS/cm before the second of three services."""
    stations.add_station(conn, "st-test")
    conn.execute("update station set config = %s", [Jsonb({"devices": {"sonde": {}, "gauge": {}}})])
    measured = season({"ec": fouled({1: -3.0})}).values
    for parameter, unit in (("ec", "mS/cm"), ("water_temp", "Cel")):
        number = stations.add_channel(conn, "st-test", parameter, unit=unit, device="sonde", interval_s=900)
        with conn.cursor().copy("copy reading from stdin") as copy:
            for time_us, value in zip(TIMES.tolist(), measured[parameter].tolist(), strict=True):
                copy.write_row([number, at(time_us), value, 0, 0, at(time_us)])
    for service, read in zip(SERVICES, (9.98, 7.0, 9.98), strict=True):
        arrived = at(service - EVERY // 2)
        works = (
            DeviceWork("sonde", WorkKind.CLEANING),
            DeviceWork("sonde", WorkKind.CHECK, "ec", read, 10.02, 10.0),
            DeviceWork("gauge", WorkKind.INSPECTION),
        )
        field_book.add(conn, VisitSheet("st-test", arrived, arrived + timedelta(minutes=2), works), "An", NOW)
    return conn


def test_what_the_services_speak_for_is_accepted_in_one_act_that_can_be_withdrawn(
    fouled_season: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn = fouled_season
    conn.execute("set role quantrac_console")
    in_the_flag = at(SERVICES[1]) - timedelta(days=1)
    for name, taken, fouling in (("M1", at(SERVICES[0]) + timedelta(days=1), 0.2), ("M2", in_the_flag, 2.8)):
        read = conn.execute(
            "select to_char(value + %s, 'FM90.00') from v_reading where channel = %s and time = %s",
            [fouling, EC, taken],
        ).fetchone()
        assert read is not None
        sample = samples.add(conn, SampleSheet("st-test", name, taken, "An", "TT"), "An", NOW)
        found_there = LaboratoryResult("ec", read[0], "mS/cm", "TCVN", decimal_mark=".")
        laboratory_results.enter_result(conn, sample.sample_id, found_there, "Hoa", NOW)
    found = {one.kind: one for one in service_proposals.service_proposals(conn, "st-test", FIRST, LAST)}
    drift, flag = found["drift"], found["flag"]
    assert drift.channel == flag.channel == EC
    assert (drift.from_t, drift.to_t) == (at(SERVICES[0]), at(SERVICES[1] - EVERY))
    assert (drift.added, drift.gap) == pytest.approx((0, 3.0), abs=0.6)
    assert flag.to_t == drift.to_t
    assert drift.from_t + timedelta(days=1) < flag.from_t < drift.from_t + timedelta(days=4)  # 0.28 of 3 in 15 days
    assert "a standard" in drift.reasons_en
    assert "after it was set right" in drift.reasons_en
    assert drift.reasons_en.count("a laboratory sample") == 2
    assert service_proposals.service_proposals(conn, "st-test/water_temp", FIRST, LAST) == []

    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)
    span = ["--from", FIRST.isoformat(), "--to", LAST.isoformat()]
    signed = ["--person", "lan", "--reason", "rong bám"]
    listed = CliRunner().invoke(app, ["proposals", "st-test", *span, "--json"])
    assert {one["name"] for one in json.loads(listed.output)} == {drift.name, flag.name}
    with monkeypatch.context() as while_it_is_worked_out:
        rejected = verdicts.flag(conn, flag.stretch, Quality.FAIL, "minh", "vỡ đầu đo", NOW)
        while_it_is_worked_out.setattr(service_proposals, "service_proposals", lambda *_: [flag])
        with pytest.raises(BadReview, match="look again"):
            service_proposals.accept(conn, flag.name, EC, FIRST, LAST, "lan", "rong bám", NOW)
        withdrawals.withdraw(conn, rejected.review_id, "minh", "nhầm", NOW)
    done = CliRunner().invoke(app, ["accept", flag.name, "st-test", *span, *signed])
    assert done.exit_code == 0, done.output
    assert flag.from_t < in_the_flag < flag.to_t
    assert service_proposals.service_proposals(conn, EC, FIRST, LAST) == [drift], "both samples still speak"
    act = service_proposals.accept(conn, drift.name, EC, FIRST, LAST, "lan", "rong bám", NOW)
    assert act.reason == f"rong bám ({drift.reasons_vi})"
    quality, value, raw = conn.execute(
        "select quality, value, raw_value from v_reading where channel = %s and time = %s", [EC, drift.to_t]
    ).fetchone() or (None, None, None)
    assert quality == 3
    assert value == pytest.approx(raw + drift.gap)
    assert service_proposals.service_proposals(conn, "st-test", FIRST, LAST) == []
    again = CliRunner().invoke(app, ["accept", flag.name, "st-test", *span, *signed])
    assert isinstance(again.exception, BadReview)
    assert flag.name in str(again.exception)
    withdrawals.withdraw(conn, act.review_id, "lan", "xem lại", NOW)
    assert [one.name for one in service_proposals.service_proposals(conn, EC, FIRST, LAST)] == [drift.name]
    assert (drift.service_before, drift.service_after) == (drift.from_t, drift.to_t)

    refused = CliRunner().invoke(app, ["reject", drift.name, "st-test", *span, "--person", "lan", "--reason", "lũ"])
    assert refused.exit_code == 0, refused.output
    assert service_proposals.service_proposals(conn, "st-test", FIRST, LAST) == [], "a no is kept"
    shown = conn.execute("select value from v_reading where channel = %s and time = %s", [EC, drift.to_t]).fetchone()
    assert shown == (raw,), "and changes nothing"
    (no,) = (one for one in acts.acts(conn, EC) if one.kind == "rejection")
    assert (no.person, no.reason) == ("lan", "lũ")
    assert no.drift == pytest.approx(drift.gap - drift.added)
    with pytest.raises(BadReview, match="look again"):
        service_proposals.reject(conn, drift.name, "st-test", FIRST, LAST, "lan", "lũ", NOW)
    withdrawals.withdraw(conn, no.review_id, "an", "xem lại", NOW)
    assert [one.name for one in service_proposals.service_proposals(conn, EC, FIRST, LAST)] == [drift.name]
    conn.execute("reset role")
    for said_of_it in ({"ledger_confidence": 0.995}, {"ledger_off": 1.0}, {"ledger_accuracy": 5.0}):
        conn.execute("update channel set history_limits = %s where channel = %s", [Jsonb(said_of_it), EC])
        assert service_proposals.service_proposals(conn, "st-test", FIRST, LAST) == [], said_of_it
    said = conn.execute("select person, reason from v_audit where object like 'review%'").fetchall()
    assert sorted((person, reason.split(" (")[0]) for person, reason in said) == [
        ("an", "xem lại"), ("lan", "lũ"), ("lan", "rong bám"), ("lan", "rong bám"), ("lan", "xem lại"),
        ("minh", "nhầm"), ("minh", "vỡ đầu đo"),
    ]  # fmt: skip


def test_findings_of_tests_other_sensors_and_neighbours_speak_with(conn: Connection) -> None:
    wrong = np.where((SERVICES[0] <= TIMES) & (SERVICES[1] > TIMES), 1.5, 0.0)
    right = season(seed=2).values["water_temp"]
    off = season({"water_temp": wrong}).values["water_temp"]
    places = (
        ("st-a", "water_temp", "sonde", off),
        ("st-a", "level_temp", "gauge", right),
        ("st-b", "water_temp", "sonde", right),
    )
    numbers = []
    for station, name, device, values in places:
        if name == "water_temp":
            stations.add_station(conn, station)
        number = stations.add_channel(
            conn, station, name, parameter="water_temp", unit="Cel", device=device, interval_s=900
        )
        numbers.append(number)
        with conn.cursor().copy("copy reading from stdin") as copy:
            for time_us, value in zip(TIMES.tolist(), values.tolist(), strict=True):
                copy.write_row([number, at(time_us), value, 0, 0, at(time_us)])
    conn.execute("update station set latitude = 9.5, longitude = 106, config = %s", [Jsonb({"devices": {"sonde": {}}})])
    blamed = [at(time_us) for time_us in TIMES[200:220].tolist()]
    for time, verdict in [*((time, 3) for time in blamed), (blamed[0], 1)]:  # the newest of the first withdraws it
        conn.execute(
            "insert into reading_flag (channel_id, time, test, flag, by, at) values (%s, %s, 'erratic', %s, 't', %s)",
            [numbers[0], time, verdict, NOW],
        )
    for service in SERVICES:
        arrived = at(service - EVERY // 2)
        field_book.add(
            conn, VisitSheet("st-a", arrived, arrived, (DeviceWork("sonde", WorkKind.PROBE_CHANGE),)), "An", NOW
        )
    conn.execute("set role quantrac_console")
    found = service_proposals.service_proposals(conn, "st-a/water_temp", FIRST, LAST)
    settled, flag = sorted((one for one in found if one.kind == "flag"), key=lambda one: one.from_t)
    assert (settled.from_t, settled.to_t) == (blamed[1], blamed[-1])
    assert settled.reasons_en == "live tests (erratic) blame 19 of 19 readings"
    assert (flag.from_t, flag.to_t) == (at(SERVICES[0]), at(SERVICES[1] - EVERY))
    assert "another sensor of the station (gauge)" in flag.reasons_en
    assert "a neighbouring station (st-b/water_temp)" in flag.reasons_en
    assert service_proposals.service_proposals(conn, "st-b", FIRST, LAST) == []


def test_an_unknown_place_and_more_than_four_hundred_days_are_refused(conn: Connection) -> None:
    with pytest.raises(BadReview, match="no such station"):
        service_proposals.service_proposals(conn, "st-none", FIRST, LAST)
    with pytest.raises(BadReview, match="401 days"):
        service_proposals.service_proposals(conn, "st-none", FIRST, FIRST + timedelta(days=401))
