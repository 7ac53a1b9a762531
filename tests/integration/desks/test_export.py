"""An export read back is what was stored."""

from __future__ import annotations

import io
import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pandas as pd
import pytest

from quantrac.desks import export
from quantrac.desks.export import ReadingRange, TooLargeForExcel, UnknownName, export_readings
from quantrac.telemetry.states import State
from tests.integration.database.conftest import NOON, World, add_channel

DAY = ReadingRange(NOON - timedelta(days=1), NOON)
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


def _csv(world: World, selection: ReadingRange) -> pd.DataFrame:
    out = io.BytesIO()
    count = export_readings(world.conn, selection, "csv", out)
    out.seek(0)
    frame = pd.read_csv(out)
    assert len(frame) == count
    return frame


def test_csv_gives_back_every_reading_to_the_last_bit(
    world: World, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "FRAME_ROWS", 70)  # several frames, the last one not full
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
    frame = _csv(world, ReadingRange(NOON - timedelta(minutes=5), NOON))
    assert len(frame) == 5
    assert frame["time_utc"].iloc[-1] == "2026-11-24T05:00:00.000+00:00"


def test_only_the_chosen_channels_are_written(world: World) -> None:
    other = add_channel(world.conn, "ph")
    world.reading()
    world.conn.execute("insert into reading values (%s, %s, 7, 0, 0, now())", [other, NOON])
    assert list(_csv(world, DAY)["channel"]) == ["st-test/do", "st-test/ph"]
    assert list(_csv(world, ReadingRange(DAY.after, DAY.until, channels=("st-test/ph",)))["channel"]) == ["st-test/ph"]
    assert len(_csv(world, ReadingRange(DAY.after, DAY.until, stations=("st-test",)))) == 2


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
        selection = ReadingRange(DAY.after, DAY.until, as_of=NOON + after * minute)
        assert list(_csv(world, selection)["value"]) == values, after


def test_excel_holds_the_same_with_times_a_sheet_can_count(world: World, stored: Stored) -> None:
    out = io.BytesIO()
    assert export_readings(world.conn, DAY, "xlsx", out) == len(stored)
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
    out = io.BytesIO()
    with pytest.raises(UnknownName, match="unknown channel st-test/dox; known: st-test/do"):
        export_readings(world.conn, ReadingRange(DAY.after, DAY.until, channels=("st-test/dox",)), "csv", out)
    assert out.getvalue() == b""


def test_more_than_a_sheet_holds_is_refused_with_a_way_out(
    world: World, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "XLSX_ROWS", 299)
    with pytest.raises(TooLargeForExcel, match="--format csv"):
        export_readings(world.conn, DAY, "xlsx", io.BytesIO())


def test_no_readings_is_a_file_with_a_head(world: World) -> None:
    first, *rest = export.COLUMNS
    assert list(_csv(world, DAY).columns) == [first, "time_asia_ho_chi_minh", *rest]


def test_a_reader_who_goes_away_leaves_a_connection_that_works(world: World, stored: Stored) -> None:
    """`quantrac export readings | head` ends without a word: the transaction ends before its connection does."""

    class Head(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell():
                raise BrokenPipeError
            return super().write(data)

    before = world.conn.info.transaction_status
    try:
        export_readings(world.conn, DAY, "csv", Head())
    except BrokenPipeError:
        assert world.conn.info.transaction_status is before
    else:
        pytest.fail("nobody read, and nothing was said")
