"""Samples on a real database: custody, results beside the readings as they stand, versions, a laboratory's file."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from statistics import fmean

import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from quantrac.cli.commands.samples import app
from quantrac.desks import corrections, laboratory_import, laboratory_results, samples
from quantrac.desks.acts import ReviewedReadings
from quantrac.desks.bias import Bias
from quantrac.desks.corrections import CorrectionFormula
from quantrac.desks.entries import BadEntry, EntryOvertaken
from quantrac.desks.laboratory_file import Usual
from quantrac.desks.laboratory_results import LaboratoryResult
from quantrac.desks.samples import Custody, CustodyStep, SampleSheet
from quantrac.telemetry.states import State
from tests.integration.database.conftest import NOON, World, add_channel

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
NOW = NOON + DAY
SHEET = SampleSheet("st-test", "M1", NOON, "An", "TT Quan trắc")
TOLERANCES = {"around_ms": 600_000, "tolerances": {"do": {"units": 0.3, "percent": 5.0, "source": "x"}}}


@pytest.fixture
def river(world: World) -> World:
    """Readings each minute for an hour around noon; a failed one, one in calibration, a null among them."""
    world.conn.execute("update network set comparison = %s", [Jsonb(TOLERANCES)])
    for minute in range(-30, 31):
        is_there = minute != 5
        state = State.OK if is_there else State.COMM
        world.reading(NOON + minute * MINUTE, value=value(minute) if is_there else None, state=state)
    world.reading(NOON + 31 * MINUTE, value=5.0, state=State.CAL)
    world.flag(4, time=NOON + 3 * MINUTE)
    return world


def value(minute: int) -> float:
    return 5 + math.sin(minute) / 2


def test_a_result_stands_beside_the_mean_of_the_good_readings_around_it_as_they_are_now(river: World) -> None:
    conn = river.conn
    conn.execute("set role quantrac_console")
    number = samples.add(conn, SHEET, "An", NOW).sample_id
    laboratory_results.enter_result(conn, number, LaboratoryResult("do", "5,9", "mg/l", "TCVN 7324:2004"), "Hoa", NOW)
    laboratory_results.enter_result(conn, number, LaboratoryResult("cod", "12", "", ""), "Hoa", NOW)
    independent = fmean(value(minute) for minute in range(-9, 11) if minute not in (3, 5))
    cod, do = laboratory_results.compared(conn)
    assert do.row.beside == pytest.approx(independent)
    assert do.row.readings == 18
    assert (do.row.value, do.row.channel, do.row.unit, do.row.reported) == (5.9, "st-test/do", "mg/L", "5,9 mg/l")
    assert do.bias.difference == pytest.approx(independent - 5.9)
    assert do.bias.percent == pytest.approx((independent / 5.9 - 1) * 100)
    assert (do.bias.allowed, do.bias.verdict) == (0.3, "beyond")
    assert (cod.row.channel, cod.row.beside, cod.bias) == (None, None, Bias(None, None, None, None))
    columns = "station, parameter, sampled_at, value, unit, method, laboratory, beside"
    conn.execute("reset role")
    conn.execute("set role quantrac_reader")
    promised = conn.execute(f"select {columns} from v_sample where parameter = 'do'").fetchall()
    assert promised == [
        ("st-test", "do", NOON, 5.9, "mg/L", "TCVN 7324:2004", "TT Quan trắc", pytest.approx(independent))
    ]
    conn.execute("reset role")
    stretch = ReviewedReadings("st-test/do", NOON - 30 * MINUTE, NOON + 30 * MINUTE)
    corrections.correct(conn, stretch, CorrectionFormula(added=0.9), "Hoa", "trôi", NOW)
    assert laboratory_results.compared(conn, samples=[number], limit=None) == laboratory_results.compared(conn)
    assert laboratory_results.compared(conn, samples=[]) == []
    (again,) = laboratory_results.compared(conn, channel="st-test/do")
    assert again.row.beside == pytest.approx(independent + 0.9)
    assert again.bias.verdict == "within"
    low = LaboratoryResult("do", "<0,02", "mg/l", "")
    with pytest.raises(BadEntry, match="needs a reason"):
        laboratory_results.enter_result(conn, number, low, "Hoa", NOW)
    with pytest.raises(EntryOvertaken, match="Hoa"):
        laboratory_results.enter_result(conn, number, low, "An", NOW, "khác", seen=0)
    laboratory_results.enter_result(conn, number, low, "Hoa", NOW, "phòng thí nghiệm báo lại", seen=1)
    (limit,) = laboratory_results.compared(conn, channel="st-test/do")
    assert (limit.row.value, limit.row.detection_limit, limit.row.reported) == (None, 0.02, "<0,02 mg/l")
    assert (limit.bias.difference, limit.bias.verdict) == (None, "beyond")
    found = samples.sample_of(conn, number)
    assert [(one.version, one.reported) for one in found.results if one.parameter == "do"] == [
        (2, "<0,02 mg/l"), (1, "5,9 mg/l"),
    ]  # fmt: skip
    with pytest.raises(EntryOvertaken):
        laboratory_results.withdraw_result(conn, number, "do", "Hoa", "mẫu hỏng", NOW, seen=1)
    laboratory_results.withdraw_result(conn, number, "do", "Hoa", "mẫu hỏng", NOW, seen=2)
    assert [one.row.parameter for one in laboratory_results.compared(conn)] == ["cod"]


def found_step(minutes: int) -> Custody:
    return Custody(CustodyStep.RECEIVED, NOON + minutes * MINUTE, "Chi")


def test_custody_goes_from_hand_to_hand_in_order_and_a_correction_keeps_what_was_said(river: World) -> None:
    conn = river.conn
    number = samples.add(conn, SHEET, "An", NOW).sample_id

    def pass_on(step: CustodyStep, minutes: int, who: str = "Bình", reason: str = "") -> samples.LaboratorySample:
        return samples.pass_on(conn, number, Custody(step, NOON + minutes * MINUTE, who), "An", NOW, reason)

    pass_on(CustodyStep.HANDED_OVER, 60)
    with pytest.raises(BadEntry, match="before the step before it"):
        pass_on(CustodyStep.RECEIVED, 59)
    pass_on(CustodyStep.ANALYSED, 180)
    with pytest.raises(BadEntry, match="after the step after it"):
        pass_on(CustodyStep.RECEIVED, 181)
    with pytest.raises(BadEntry, match="still to come"):
        pass_on(CustodyStep.RECEIVED, 2000)
    with pytest.raises(BadEntry, match="name is missing"):
        pass_on(CustodyStep.RECEIVED, 90, " ")
    found = pass_on(CustodyStep.RECEIVED, 90)
    assert {step: one.done_at for step, one in found.custody.items()} == {
        step: NOON + minutes * MINUTE for step, minutes in (("handed_over", 60), ("received", 90), ("analysed", 180))
    }
    with pytest.raises(BadEntry, match="needs a reason"):
        pass_on(CustodyStep.RECEIVED, 100)
    with pytest.raises(EntryOvertaken, match="An"):
        samples.pass_on(conn, number, found_step(100), "Hoa", NOW, "khác", seen=0)
    found = pass_on(CustodyStep.RECEIVED, 100, "Chi", "ghi nhầm người")
    with pytest.raises(BadEntry, match="after the step after it"):
        samples.correct(conn, number, SHEET._replace(sampled_at=NOON + 61 * MINUTE), "Hoa", "nhầm giờ", NOW)
    assert [(one.version, one.done_by) for one in found.steps if one.step == "received"] == [(2, "Chi"), (1, "Bình")]
    with pytest.raises(BadEntry, match="has a sample M1 already"):
        samples.add(conn, SHEET, "An", NOW)
    corrected = samples.correct(conn, number, SHEET._replace(code="M1b"), "Hoa", "nhãn mờ", NOW, seen=1)
    assert (corrected.version, corrected.code, len(corrected.steps)) == (2, "M1b", 4)
    with pytest.raises(EntryOvertaken, match="Hoa"):
        samples.withdraw(conn, number, "An", "vỡ chai", NOW, seen=1)
    samples.withdraw(conn, number, "An", "vỡ chai", NOW)
    assert samples.samples(conn) == []
    assert len(samples.samples(conn, every=True)) == 1
    assert [one.code for one in samples.versions(conn, number)] == ["M1b", "M1b", "M1"]
    samples.add(conn, SHEET, "An", NOW)  # the code is free again


FILE = """code;station;sampled_at;sampled_by;laboratory;parameter;value;unit;received_at;received_by
M1;st-test;24/11/2026 12:00;An;TT;DO;5,1;mg/l;24/11/2026 14:00;Bình
M1;st-test;24/11/2026 12:00;An;TT;pH;7,9;;;
M2;st-test;24/11/2026 12:10;An;TT;DO;5.o;mg/l;;
M1;st-test;24/11/2026 12:30;An;TT;COD;12;mg/l;;
M3;st-test;24/11/2098 12:30;An;TT;COD;12;mg/l;;
"""


def test_a_file_corrects_nothing_brings_nothing_back_and_a_day_is_that_of_the_sample_on_record(river: World) -> None:
    conn = river.conn
    conn.execute("update network set time_zone = 'Asia/Ho_Chi_Minh'")
    head = (
        "code;sampled_at;parameter;value;sampled_by;laboratory;handed_over_at;handed_over_by;analysed_at;analysed_by\n"
    )
    usual = Usual("st-test", "Dũng", "TT khác")

    def take(line: str) -> str:
        """Return why a line is refused, or what became of it."""
        done = laboratory_import.import_file(conn, (head + line).encode(), usual, "Hoa", NOW)
        return "".join(str(one.why) for one in done.refused) or f"{done.new} new, {done.known} known"

    days = "M1;24/11/2026;do;5,1;;;24/11/2026;Bình;24/11/2026;Chi"
    assert take(days) == "M1 is not on record: expected when it was taken, such as 24/11/2026 07:05"
    number = samples.add(conn, SHEET, "An", NOW).sample_id
    assert [take(days), take(days)] == ["1 new, 0 known", "0 new, 1 known"]
    (result,) = laboratory_results.compared(conn)
    assert (result.row.sampled_at, result.row.readings > 1) == (NOON, True), "not beside what was measured at midnight"
    known = "M1;24/11/2026 12:00;do;5,1;An;TT Quan trắc;24/11/2026 13:00;Bình;;"
    assert take(known) == "0 new, 1 known"
    for said, other, why in (
        ("12:00", "12:01", "M1 was taken at 2026-11-24 05:00:00Z"),
        (";An;", ";Em;", "M1: found Em, on record is An: correct it with a reason"),
        ("TT Quan trắc", "TT", "M1: found TT, on record is TT Quan trắc: correct it with a reason"),
        ("Bình", "Em", "M1: found Em at 2026-11-24 06:00:00Z, on record is Bình at 2026-11-23 17:00:00Z: correct it "
         "with a reason"),
        ("24/11/2026 13:00", "25/11/2026", "M1: found Bình at 2026-11-24 17:00:00Z, on record is Bình at "
         "2026-11-23 17:00:00Z: correct it with a reason"),
    ):  # fmt: skip
        assert take(known.replace(said, other)) == why
    assert take(days.replace("M1;24", "M1;23")) == "M1 was taken at 2026-11-24 05:00:00Z"
    laboratory_results.withdraw_result(conn, number, "do", "Hoa", "mẫu hỏng", NOW)
    assert take(known) == "Hoa has withdrawn do of M1: enter it by hand if it stands"
    samples.withdraw(conn, number, "An", "vỡ chai", NOW)
    for line in (known, days):
        assert take(line) == "An has withdrawn the sample M1: enter it by hand if it stands"
    assert take(known.replace("12:00", "12:30")) == "1 new, 0 known", "another bottle of this code"


def test_a_file_is_taken_in_once_and_each_line_that_is_refused_is_named(
    river: World, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn = river.conn
    conn.execute("update network set time_zone = 'Asia/Ho_Chi_Minh'")
    add_channel(conn, "ph")
    conn.execute("set role quantrac_console")
    done = laboratory_import.import_file(conn, FILE.encode(), Usual(), "Hoa", NOW)
    assert (done.new, done.known) == (2, 0)
    assert [line.words("f") for line in done.refused] == [
        "f:4:7: value: found '5.o', expected a number or a limit of detection such as <0.02",
        "f:5:1: M1 was taken at 2026-11-24 05:00:00Z",
        "f:6:1: found 2098-11-24 05:30:00Z, which is still to come",
    ]
    (sample,) = samples.samples(conn)
    assert (sample.code, sample.sampled_at, sorted(sample.found)) == ("M1", NOON, ["do", "ph"])
    assert sample.custody["received"].done_by == "Bình"
    again = laboratory_import.import_file(conn, FILE.encode(), Usual(), "Hoa", NOW)
    assert (again.new, again.known, len(again.refused)) == (0, 2, 3)
    other = laboratory_import.import_file(conn, FILE.replace("5,1", "5,2").encode(), Usual(), "Hoa", NOW)
    assert other.refused[0].words("f") == "f:2:1: M1 has 5,1 mg/l already: correct it with a reason"
    for wrong in (b"\xff\xfe", b"x" * 2_000_001):
        with pytest.raises(BadEntry):
            laboratory_import.import_file(conn, wrong, Usual(), "Hoa", NOW)
    conn.execute("reset role")
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)
    run = CliRunner()

    def said(*words: str, status: int = 0) -> str:
        outcome = run.invoke(app, [*words], catch_exceptions=False)
        assert outcome.exit_code == status, outcome.output
        return outcome.output

    file = tmp_path / "kq.csv"
    file.write_text(FILE, encoding="utf-8")
    assert "0 results entered, 2 were there already, 3 lines cannot be used" in said(
        "import", str(file), "--person", "Hoa", status=1
    )
    person = ["--person", "Hoa"]
    number = said("add", "st-test", "--code", "M9", "--at", "2026-11-24T12:00+07:00", *person).split()[0]
    said("pass", number, "received", "--at", "2026-11-24T13:00+07:00", *person)
    assert "do <0.5 mg/l" in said("result", number, "do", "<0.5", *person)
    said("result", number, "do", "5.05", "--reason", "bản cuối", *person)
    compared = json.loads(said("compare", "--json"))
    assert {one["sample"]["code"]: one["verdict"] for one in compared if one["sample"]["parameter"] == "do"} == {
        "M9": "within", "M1": "within",
    }  # fmt: skip
    assert "M9  do  5.05 mg/l  sensor 5.0" in said("compare", "st-test")
    said("withdraw-result", number, "do", "--reason", "nhầm", *person)
    assert "version 2" in said(
        "correct", number, "--code", "M10", "--at", "2026-11-24T12:01+07:00", "--reason", "nhãn", *person
    )
    said("withdraw", number, "--reason", "nhầm", *person)
    assert [one["code"] for one in json.loads(said("list", "--json"))] == ["M1"]
    assert datetime.fromisoformat(json.loads(said("list", "--json"))[0]["sampled_at"]) == NOON
