"""An export read back is what was stored."""

from __future__ import annotations

import io
import math
import os
import random
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import netCDF4
import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from psycopg.types.json import Jsonb

from quantrac.telemetry.states import State
from reports.exports import netcdf, parquet, rows, workbook
from reports.exports.columns import RAW
from reports.exports.export import export
from reports.exports.formats import FileFormat, Resolution
from reports.exports.netcdf import NotOneStation
from reports.exports.selection import BadSelection, ExportRange, UnknownName, expected_rows
from reports.exports.workbook import TooLargeForExcel
from tests.fixtures import stations
from tests.integration.database.conftest import NOON, World, add_channel

DAY = ExportRange(NOON - timedelta(days=1), NOON)
Stored = dict[datetime, tuple[float | None, State]]


@pytest.fixture
def stored(world: World) -> Stored:
    chance = random.Random(7)
    readings: Stored = {}
    for minute in range(300):
        state = State.COMM if minute % 50 == 7 else State.SUSPECT if minute % 20 == 3 else State.OK
        readings[NOON - timedelta(minutes=minute)] = (None if state is State.COMM else chance.gauss(5, 2), state)
    for time, (value, state) in readings.items():
        world.reading(time, value, state, tests=1 if value is None else 0)
    return readings


def _csv(world: World, selection: ExportRange) -> pd.DataFrame:
    out = io.BytesIO()
    count = export(world.conn, selection, FileFormat.CSV, out)
    out.seek(0)
    frame = pd.read_csv(out)
    assert len(frame) == count
    return frame


def test_csv_gives_back_every_reading_to_the_last_bit(
    world: World, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "BLOCK", 5000)  # several blocks, the last one not full
    frame = _csv(world, DAY)
    back = {
        datetime.fromisoformat(time): (None if math.isnan(value) else value, State.from_word(state))
        for time, value, state in zip(frame["time_utc"], frame["value"], frame["state"], strict=True)
    }
    assert back == stored
    assert set(frame["unit"]) == {"mg/L"}
    assert dict(zip(frame["state"], frame["quality"], strict=True)) == {"ok": 1, "suspect": 3, "comm": 9}


@pytest.mark.parametrize(
    ("zone", "column", "noon"),
    [
        ("Asia/Ho_Chi_Minh", "time_asia_ho_chi_minh", "2026-11-24T12:00:00.000+07:00"),
        ("Asia/Kathmandu", "time_asia_kathmandu", "2026-11-24T10:45:00.000+05:45"),
    ],
)
def test_local_times_stand_under_the_name_of_their_zone(world: World, zone: str, column: str, noon: str) -> None:
    world.conn.execute("update network set time_zone = %s", [zone])
    world.reading()
    frame = _csv(world, DAY)
    assert list(frame.columns[:2]) == ["time_utc", column]
    assert list(frame.iloc[-1][:2]) == ["2026-11-24T05:00:00.000+00:00", noon]


def test_the_selection_is_open_at_its_start_and_closed_at_its_end(world: World, stored: Stored) -> None:
    frame = _csv(world, ExportRange(NOON - timedelta(minutes=5), NOON))
    assert len(frame) == 5
    assert frame["time_utc"].iloc[-1] == "2026-11-24T05:00:00.000+00:00"


def test_only_the_chosen_channels_are_written(world: World) -> None:
    other = add_channel(world.conn, "ph")
    world.reading()
    world.conn.execute("insert into reading values (%s, %s, 7, 0, 0, now())", [other, NOON])
    assert list(_csv(world, DAY)["channel"]) == ["st-test/do", "st-test/ph"]
    assert list(_csv(world, ExportRange(DAY.after, DAY.until, channels=("st-test/ph",)))["channel"]) == ["st-test/ph"]
    assert len(_csv(world, ExportRange(DAY.after, DAY.until, stations=("st-test",)))) == 2


def test_an_earlier_moment_has_what_had_come_and_been_corrected_by_then(world: World) -> None:
    minute, correct = (
        timedelta(minutes=1),
        'insert into correction (channel_id, time, value, "by", reason, at, approved_by,',
    )
    world.reading(NOON - minute, value=1.0)
    world.reading(NOON, value=2.0, received=NOON + 60 * minute)
    world.conn.execute(
        f"{correct} approved_at, revoked_by, revoked_at) values (%s, %s, 9, 'a', 'b', %s, 'a', %s, 'a', %s)",
        [world.channel_id, NOON - minute, NOON, NOON + 10 * minute, NOON + 90 * minute],
    )
    for after, values in ((5, [1.0]), (20, [9.0]), (70, [9.0, 2.0]), (100, [1.0, 2.0])):
        selection = ExportRange(DAY.after, DAY.until, as_of=NOON + after * minute)
        assert list(_csv(world, selection)["value"]) == values, after


def test_findings_verdicts_corrections_and_signatures_stand_in_columns_of_their_own(
    world: World, tmp_path: Path
) -> None:
    """With who and why, on one line, and so that a spreadsheet calculates nothing; what was taken back is gone."""
    add, minute = "insert into reading_flag (channel_id, time, test, flag, by, reason, at)", timedelta(minutes=1)
    for back in range(3):
        world.reading(NOON - back * minute, value=float(back))
    world.flag(3, "spike")
    said = [
        [world.channel_id, NOON - back * minute, test, score, Jsonb({"vi": f"={test}\n{score}", "en": test.upper()})]
        for back, test, score in ((0, "rate", 1.5), (0, "spike", 2.5), (2, "flat", 1.25))
    ]
    with world.conn.cursor() as cursor:
        cursor.executemany(
            "insert into reading_flag (channel_id, time, test, flag, by, at, score, words)"
            " values (%s, %s, %s, 3, 'quality', '2026-11-24 06:00Z', %s, %s)",
            said,
        )
    for time, flag, reason in ((NOON, 4, "=1+1\nwiper"), (NOON - minute, 4, "a"), (NOON - minute, None, "not so")):
        world.conn.execute(f"{add} values (%s, %s, null, %s, 'an', %s, now())", [world.channel_id, time, flag, reason])
    world.conn.execute(
        "insert into correction (channel_id, time, value, by, reason, at, approved_by, approved_at)"
        " values (%s, %s, 7.5, 'binh', 'drift', now(), 'chi', now())",
        [world.channel_id, NOON - 2 * minute],
    )
    world.conn.execute(
        "insert into daily (channel_id, time, count, received, expected) values (%s, '2026-11-23T17:00Z', 3, 3, 1440)",
        [world.channel_id],
    )
    world.conn.execute(
        "insert into sign_off (channel_id, day, from_t, to_t, content, person, at, approved_by, approved_at)"
        " values (%s, '2026-11-24', '2026-11-23T17:00Z', '2026-11-24T17:00Z', '{}', 'an', now(), 'an', now())",
        [world.channel_id],
    )
    names = "value", "raw_value", "quality", "tests", "score", "words", "words_en"
    of_people = "verdict", "verdict_by", "verdict_reason", "corrected_by", "correction_reason"
    frame = _csv(world, DAY).astype(object)
    found = frame.where(frame.notna(), None)[[*names, *of_people, "stage"]].to_numpy().tolist()
    assert found == [
        [7.5, 2.0, 3, "{flat}", 1.25, "flat 1.25", "FLAT", None, None, None, "binh", "drift", "reviewed"],
        [1.0, 1.0, 1, "{}", None, None, None, None, None, None, None, None, "reviewed"],
        [0.0, 0.0, 4, "{rate,spike}", 2.5, "spike 2.5; =rate 1.5", "SPIKE; RATE",
         4.0, "an", "1+1 wiper", None, None, "reviewed"],
    ]  # fmt: skip
    then = _csv(world, replace(DAY, as_of=NOON))
    assert then["words"].isna().all(), "nothing was said yet"
    with _netcdf(world, DAY, tmp_path / "a.nc") as file:
        texts = ("tests", "words_en", "verdict_by", "verdict_reason")
        assert [file[f"do_{name}"][:].tolist() for name in texts] == [
            ["flat", "", "rate spike"], ["FLAT", "", "SPIKE; RATE"], ["", "", "an"], ["", "", "=1+1\nwiper"],
        ]  # fmt: skip
        assert file["do_words"][0] == "=flat\n1.25"
        assert file["do_score"][:].filled(0).tolist() == [1.25, 0, 2.5]
        assert file["do_verdict"][:].filled(0).tolist() == [0, 0, 4]


@pytest.fixture
def rolled(world: World) -> World:
    """Two hours and their day, of which the second hour has too few readings."""
    begin = datetime(2026, 11, 23, 17, tzinfo=UTC)
    for table, hours, value, count in (("hourly", 0, 4.5, 60), ("hourly", 1, 5.5, 12), ("daily", 0, 4.7, 72)):
        world.conn.execute(
            f"insert into {table} (channel_id, time, value, mean, min, max, sd, count, received, expected)"
            " values (%s, %s, %s, %s, 1, 9, 0.5, %s, %s, 60)",
            [world.channel_id, begin + timedelta(hours=hours), value, value, count, count],
        )
    return world


def test_hours_and_days_within_the_time_bear_their_begin_and_whether_they_are_valid(rolled: World) -> None:
    day = ExportRange(NOON - timedelta(hours=12), NOON + timedelta(hours=12), resolution=Resolution.HOURLY)
    hours = _csv(rolled, day)
    assert list(hours["begin_asia_ho_chi_minh"]) == ["2026-11-24T00:00:00.000+07:00", "2026-11-24T01:00:00.000+07:00"]
    assert list(zip(hours["value"], hours["valid"], hours["completeness"], strict=True)) == [
        (4.5, True, 1.0), (5.5, False, 0.2),
    ]  # fmt: skip
    days = _csv(rolled, replace(day, resolution=Resolution.DAILY))
    assert list(days["begin_utc"]) == ["2026-11-23T17:00:00.000+00:00"]
    with pytest.raises(BadSelection, match="as of an earlier moment there are readings alone"):
        _csv(rolled, replace(day, as_of=NOON))


@pytest.mark.parametrize("resolution", list(Resolution))
def test_parquet_holds_what_csv_holds_with_types_and_zones(
    rolled: World, stored: Stored, monkeypatch: pytest.MonkeyPatch, resolution: Resolution
) -> None:
    monkeypatch.setattr(rows, "BLOCK", 5000)
    monkeypatch.setattr(parquet, "GROUP", 9000)
    selection, out = replace(DAY, resolution=resolution), io.BytesIO()
    text = _csv(rolled, selection)
    assert export(rolled.conn, selection, FileFormat.PARQUET, out) == len(text) > 0
    table = pq.read_table(io.BytesIO(out.getvalue()))
    assert (table.column_names, str(table.schema.types[1])) == (
        list(text.columns),
        "timestamp[ms, tz=Asia/Ho_Chi_Minh]",
    )
    for name, column in zip(table.column_names, table.columns, strict=True):
        own = [
            each.isoformat(timespec="milliseconds") if isinstance(each, datetime) else each
            for each in column.to_pylist()
        ]
        assert own == text[name].astype(object).where(text[name].notna(), None).tolist(), name


def test_memory_does_not_grow_with_an_export(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """12,000 readings, 2 MB as text: what held all of them, as text or as rows, would take more."""
    world.conn.execute(
        "insert into reading select %s, %s::timestamptz - n * interval '1 second', n, 0, 0, %s"
        " from generate_series(0, 11999) n",
        [world.channel_id, NOON, NOON],
    )
    monkeypatch.setattr(rows, "BLOCK", 1 << 15)
    monkeypatch.setattr(parquet, "GROUP", 1 << 16)
    selection = ExportRange(NOON - timedelta(days=2), NOON)
    for file_format in (FileFormat.CSV, FileFormat.PARQUET):
        with Path(os.devnull).open("wb") as out:
            tracemalloc.start()
            assert export(world.conn, selection, file_format, out) == 12_000
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak < 1_000_000, file_format


def _netcdf(world: World, selection: ExportRange, path: Path) -> netCDF4.Dataset:
    world.conn.execute("update station set latitude = 9.4, longitude = 105.9")
    with path.open("wb") as out:
        assert export(world.conn, selection, FileFormat.NETCDF, out) > 0
    return netCDF4.Dataset(path)


def test_netcdf_has_what_the_cf_conventions_ask_for(
    world: World, stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attributes after CF-1.11, sections 2.6, 3.1, 3.5, 4.4 and 9; `compliance-checker` passed such a file."""
    monkeypatch.setattr(netcdf, "BLOCK", timedelta(hours=2))  # several blocks of time
    other = add_channel(world.conn, "ph")
    world.conn.execute("insert into reading values (%s, %s, 7, 0, 0, now())", [other, NOON - timedelta(minutes=2)])
    with _netcdf(world, DAY, tmp_path / "a.nc") as file:
        assert (file.Conventions, file.featureType) == ("CF-1.11", "timeSeries")
        time, do, quality = file["time"], file["do"], file["do_quality"]
        assert (time.standard_name, time.units) == ("time", "seconds since 1970-01-01T00:00:00Z")
        assert (time.calendar, time.axis, file["station"].cf_role) == ("standard", "T", "timeseries_id")
        assert netCDF4.chartostring(file["station"][:]) == "st-test"
        assert [(file[name].standard_name, file[name].units, file[name][...].item()) for name in ("lat", "lon")] == [
            ("latitude", "degrees_north", 9.4), ("longitude", "degrees_east", 105.9),
        ]  # fmt: skip
        assert (do.units, do.long_name, do.coordinates) == ("mg L-1", "Dissolved oxygen", "lat lon station")
        beside = "quality state verdict stage score tests words words_en verdict_by verdict_reason"
        assert do.ancillary_variables.split() == [f"do_{name}" for name in beside.split()]
        assert quality.flag_meanings == "good not_evaluated suspect fail missing"
        assert (quality.flag_values.tolist(), quality.flag_values.dtype) == ([1, 2, 3, 4, 9], quality.dtype)
        times: Any = netCDF4.num2date(
            time[:], time.units, only_use_cftime_datetimes=False, only_use_python_datetimes=True
        )
        states = {number: word for word, number in zip(file["do_state"].flag_meanings.split(), range(8), strict=True)}
        back = {
            at.replace(tzinfo=UTC): (None if value is np.ma.masked else value, State.from_word(states[int(state)]))
            for at, value, state in zip(times, do[:], file["do_state"][:], strict=True)
        }
        assert back == stored
        assert (file["ph"][:].count(), file["ph"][-3], file["ph_quality"][:].count()) == (1, 7.0, 1)


def test_netcdf_of_hours_has_their_bounds_and_how_they_were_made(rolled: World, tmp_path: Path) -> None:
    day = replace(DAY, resolution=Resolution.HOURLY)
    with _netcdf(rolled, day, tmp_path / "a.nc") as file:
        assert (file["time"].bounds, file["do"].cell_methods) == ("time_bounds", "time: mean")
        begin = datetime(2026, 11, 23, 17, tzinfo=UTC).timestamp()
        assert file["time_bounds"][:].tolist() == [[begin, begin + 3600], [begin + 3600, begin + 7200]]
        assert (file["do_valid"][:].tolist(), file["do_valid"].flag_meanings) == ([1, 0], "too_few_readings valid")
    with _netcdf(rolled, replace(DAY, resolution=Resolution.DAILY), tmp_path / "b.nc") as file:
        assert file["time_bounds"][:].tolist() == [[begin, begin + 86400]]


def test_netcdf_is_of_one_station_that_has_a_place(world: World, stored: Stored) -> None:
    with pytest.raises(NotOneStation, match="the file of station st-test has none"):
        export(world.conn, DAY, FileFormat.NETCDF, io.BytesIO())
    stations.add_station(world.conn, "st-other")
    stations.add_channel(world.conn, "st-other", "ph")
    with pytest.raises(NotOneStation, match="choose one"):
        export(world.conn, DAY, FileFormat.NETCDF, io.BytesIO())


def test_excel_holds_the_same_with_times_a_sheet_can_count(world: World, stored: Stored) -> None:
    out = io.BytesIO()
    assert export(world.conn, DAY, FileFormat.XLSX, out) == len(stored)
    out.seek(0)
    sheet: Any = openpyxl.load_workbook(out).active
    head, *rows = sheet.iter_rows(values_only=True)
    columns = {name: number for number, name in enumerate(head)}
    back = {
        row[columns["time_utc"]].replace(tzinfo=UTC): (row[columns["value"]], State.from_word(row[columns["state"]]))
        for row in rows
    }
    assert {time: state for time, (_, state) in back.items()} == {time: state for time, (_, state) in stored.items()}
    for time, (value, _) in stored.items():
        assert back[time][0] == (None if value is None else pytest.approx(value, rel=1e-14))
    local = rows[-1][columns["time_asia_ho_chi_minh"]]
    assert local.replace(tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")) == NOON


def test_an_unknown_channel_is_named_before_anything_is_written(world: World) -> None:
    """Beside those of the chosen station: its reader may know of no other."""
    stations.add_station(world.conn, "st-other")
    stations.add_channel(world.conn, "st-other", "ph")
    out, wrong = io.BytesIO(), ExportRange(DAY.after, DAY.until, channels=("st-test/dox",))
    with pytest.raises(UnknownName, match=r"unknown channel st-test/dox; known: st-other/ph, st-test/do$"):
        export(world.conn, wrong, FileFormat.CSV, out)
    with pytest.raises(UnknownName, match=r"unknown channel st-test/dox; known: st-test/do$"):
        export(world.conn, replace(wrong, stations=("st-test",)), FileFormat.CSV, out)
    assert out.getvalue() == b""


def test_more_than_a_sheet_holds_is_refused_with_a_way_out(
    world: World, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "XLSX_ROWS", 299)
    with pytest.raises(TooLargeForExcel, match="choose a shorter time"):
        export(world.conn, DAY, FileFormat.XLSX, io.BytesIO())


def test_no_readings_is_a_file_with_a_head(world: World) -> None:
    names = [column.name for column in RAW]
    assert list(_csv(world, DAY).columns) == [names[0], "time_asia_ho_chi_minh", *names[2:]]


def test_a_reader_who_goes_away_leaves_a_connection_that_works(world: World, stored: Stored) -> None:
    """`quantrac export readings | head` ends without a word: the transaction ends before its connection does."""

    class Head(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell():
                raise BrokenPipeError
            return super().write(data)

    before = world.conn.info.transaction_status
    try:
        export(world.conn, DAY, FileFormat.CSV, Head())
    except BrokenPipeError:
        assert world.conn.info.transaction_status is before
    else:
        pytest.fail("nobody read, and nothing was said")


def test_as_of_a_moment_the_correction_that_was_shown_then_is_named(world: World) -> None:
    world.reading(NOON)
    for value, by, approved, revoked in ((6.0, "An", 1, 9), (7.0, "Bình", 3, None)):
        at, until = NOON + timedelta(hours=approved), None if revoked is None else NOON + timedelta(hours=revoked)
        world.conn.execute(
            "insert into correction (channel_id, time, value, by, reason, at, approved_by, approved_at, revoked_by,"
            " revoked_at) values (%s, %s, %s, %s, 'why', %s, 'Hoa', %s, %s, %s)",
            [world.channel_id, NOON, value, by, at, at, None if until is None else "Hoa", until],
        )
    frame = _csv(world, replace(DAY, as_of=NOON + timedelta(hours=5)))
    assert (frame["value"][0], frame["corrected_by"][0]) == (7.0, "Bình")


def test_how_large_a_file_will_be_is_told_by_the_intervals_of_then(world: World) -> None:
    world.conn.execute(
        "insert into channel_interval (channel_id, interval_s, during)"
        " values (%s, 1, tstzmultirange(tstzrange(%s, %s)))",
        [world.channel_id, NOON - timedelta(hours=3), NOON - timedelta(hours=1)],
    )
    assert expected_rows(world.conn, DAY) == 22 * 60 + 2 * 3600
