"""The ministry's five-minute files: byte for byte as the circular has them, and the same values when read again."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.importing import ministry as reader
from ingest.importing.line import FilePlace, ImportLine
from ingest.importing.names import Names, TargetChannel
from quantrac.cli.jobs import ministry as jobs
from quantrac.config.loader import load_network
from quantrac.config.receivers import Receiver
from quantrac.config.stations import Ministry, MinistryLine
from quantrac.config.units import Conversion
from quantrac.telemetry.ministry import FiledStatus
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State
from reports.ministry.figure import Figure, FiledReading, figure
from reports.ministry.file import file_of, path_of, written
from reports.ministry.slot_figures import OtherInterval, expected_in
from tests.unit.reports import circular

NETWORK = load_network(Path(__file__).parents[3] / "station_configs")
FIVE_PAST = datetime(2025, 2, 28, 17, 5, tzinfo=UTC)
"""1 March 2025, 00:05 in Vietnam."""
STAMP = "20250301000500"
QUALITY = {"ok": 1, "suspect": 3, "comm": 9}
"""Of a reading of which nothing is found; 4 in the other states."""


def line(channel: str, symbol: str, unit: str, decimals: int, **more: float) -> MinistryLine:
    return MinistryLine(
        channel=channel, symbol=symbol, unit=unit, decimals=decimals, kind=Kind.MEAN,
        factor=more.get("factor", 1.0), shift=more.get("shift", 0.0),
    )  # fmt: skip


SONDE = (
    line("water_temp", "Temp", "oC", 1),
    line("ph", "pH", "-", 2),
    line("do", "DO", "mg/l", 2),
    line("nh4_n", "NH4", "mg/l", 2),
)


def plan(lines: tuple[MinistryLine, ...] = SONDE, **more: str) -> Ministry:
    return Ministry(
        code=more.get("code", "ST_STMT_NUO001"),
        folder=more.get("folder", "{code}/{yyyy}/{MM}/{dd}"),
        file=more.get("file", "{code}_{yyyy}{MM}{dd}{HH}{mm}{ss}.txt"),
        valid_share=0.75,
        lines=lines,
    )


def test_a_file_is_the_circular_s() -> None:
    figures = {
        "nh4_n": Figure(0.42, FiledStatus.CALIBRATION),
        "water_temp": Figure(28.4, FiledStatus.MEASURING),
        "ph": Figure(7.21, FiledStatus.MEASURING),
        "do": Figure(3.1, FiledStatus.MEASURING),
    }
    made = file_of(plan(), FIVE_PAST, figures)
    assert made is not None
    assert made.content == (
        b"Temp\t28.4\toC\t20250301000500\t00\r\npH\t7.21\t-\t20250301000500\t00\r\n"
        b"DO\t3.10\tmg/l\t20250301000500\t00\r\nNH4\t0.42\tmg/l\t20250301000500\t01\r\n"
    )
    assert str(made.path) == "ST_STMT_NUO001/2025/03/01/ST_STMT_NUO001_20250301000500.txt"


def test_logins_that_cannot_be_read_stop_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "logins").write_text("department quantrac pasword secret\n")
    service = jobs._Service(cast(Any, None), tmp_path / "logins", "", threading.Event())
    receivers = {"department": Receiver.model_validate({"way": "ftp", "host": "ftp.example.vn"})}
    assert service._plans(receivers) == {}
    (tmp_path / "logins").write_text("department quantrac key /etc/key\n")
    assert service._plans(receivers) == {}
    (tmp_path / "logins").write_text("department quantrac password secret\n")
    assert list(service._plans(receivers)) == ["department"]


def test_what_is_missing_is_left_out_and_a_slot_without_figures_has_no_file() -> None:
    made = file_of(plan(), FIVE_PAST, {"ph": Figure(7.21, FiledStatus.FAULT)})
    assert made is not None
    assert made.content == b"pH\t7.21\t-\t20250301000500\t02\r\n"
    assert file_of(plan(), FIVE_PAST, {}) is None


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("{code}/{yyyy}/{MM}/{dd}", "VL_CANG_NUOC01/2023/05/06"),
        ("", "."),
        ("{yyyy}{MM}{dd}", "20230506"),
        ("{yyyy}/Thang{MM}/{yyyy}{MM}{dd}", "2023/Thang05/20230506"),
        ("{yyyy}/Thang{MM}/Ngay{dd}", "2023/Thang05/Ngay06"),
        ("{yyyy}-{MM}-{dd}", "2023-05-06"),
        ("{yyyy}/Thang{MM}/{dd}{MM}{yyyy}", "2023/Thang05/06052023"),
        ("{yyyy}_{MM}_{dd}", "2023_05_06"),
        ("{yyyy}/{MM}/{dd}{MM}{yyyy}", "2023/05/06052023"),
        ("Nam {yyyy}/thang {MM}/ngay {dd}", "Nam 2023/thang 05/ngay 06"),
    ],
)
def test_folders_are_those_that_receivers_have(folder: str, expected: str) -> None:
    time = datetime(2023, 5, 5, 17, 5, tzinfo=UTC)  # 00:05 of the next day in Vietnam
    path = path_of(plan(code="VL_CANG_NUOC01", folder=folder), time)
    assert (str(path.parent), path.name) == (expected, "VL_CANG_NUOC01_20230506000500.txt")


MINUTE = st.tuples(
    st.decimals(min_value=-5, max_value=200, places=3).map(str) | st.none(),
    st.sampled_from(["ok", "ok", "ok", "suspect", "cal", "maint", "fault", "range", "warmup"]),
    st.sampled_from([None, None, None, 1, 2, 3, 4]),
)


def slot(minutes: Sequence[tuple[str | None, str, int | None]]) -> list[circular.Written]:
    """Readings as the database has them: null is comm or keeps its reason, a verdict replaces the quality."""
    found: list[circular.Written] = []
    for place, (value, word, verdict) in enumerate(minutes):
        state = "comm" if value is None and word in ("ok", "suspect") else word
        found.append((place, value, state, 9 if value is None else verdict or QUALITY.get(state, 4)))
    return found


@given(st.lists(st.lists(MINUTE, max_size=5).map(slot), min_size=4, max_size=4))
@example([slot([("2.005", "ok", None)] * 4), slot([]), slot([("1", "cal", None), (None, "ok", None)]), slot([])])
@example(
    [slot([("1", "ok", None)] * 3 + [("9", "fault", None)] * 2), slot([(None, "fault", None)]), slot([]), slot([])]
)
def test_every_slot_is_byte_for_byte_what_the_circular_makes_of_it(channels: list[list[circular.Written]]) -> None:
    wanted, figures = b"", {}
    for one, readings in zip(SONDE, channels, strict=True):
        if (found := circular.value_and_status(readings, expected=5)) is not None:
            shown = circular.half_up(found[0], one.decimals)
            wanted += circular.line(one.symbol, shown, one.unit, STAMP, found[1])
        stored = [
            FiledReading(None if value is None else float(value), State.from_word(word), quality)
            for _, value, word, quality in readings
        ]
        if (ours := figure(stored, 5, 0.75, Kind.MEAN)) is not None:
            figures[one.channel] = ours
    made = file_of(plan(), FIVE_PAST, figures)
    assert (b"" if made is None else made.content) == wanted


@pytest.mark.parametrize(
    ("kind", "values", "value"),
    [
        (Kind.VECTOR, [350.0, 10.0, 350.0, 10.0], 0.0),
        (Kind.VECTOR, [0.0, 180.0, 90.0, 270.0], None),
        (Kind.SUM, [0.2, 0.0, 0.4, 0.2], 0.8),
        (Kind.LAST, [1.0, 2.0, 3.0, 0.0], 0.0),
    ],
)
def test_a_figure_follows_the_kind_of_the_parameter(kind: Kind, values: list[float], value: float | None) -> None:
    found = figure([FiledReading(each, State.OK, 1) for each in values], 4, 0.75, kind)
    assert (None if found is None else round(found.value, 9) % 360) == value


def test_a_slot_expects_what_the_channel_reported_at_the_time() -> None:
    hour = timedelta(hours=1)
    assert expected_in(FIVE_PAST, 60, []) == 5
    assert expected_in(FIVE_PAST, 600, []) == 0.5  # a reading in two slots: it alone makes its slot's figure
    assert expected_in(FIVE_PAST, 60, [OtherInterval(300, FIVE_PAST - hour, FIVE_PAST + hour)]) == 1
    begun = FIVE_PAST - timedelta(minutes=2)
    assert expected_in(FIVE_PAST, 60, [OtherInterval(10, begun, FIVE_PAST + hour)]) == 3 + 12
    assert figure([FiledReading(3.0, State.OK, 1)], 0.5, 0.75, Kind.MEAN) == Figure(3.0, FiledStatus.MEASURING)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0.125, 2, "0.13"), (-0.125, 2, "-0.13"), (-0.001, 2, "0.00"), (3.0, 0, "3"), (2.3449999999999998, 2, "2.35"),
     (3.4e38, 1, "340000000000000000000000000000000000000.0")],
)  # fmt: skip
def test_a_value_is_written_plainly(value: float, decimals: int, text: str) -> None:
    assert written(value, decimals) == text


@given(st.data())
def test_what_is_written_is_read_as_the_same_value(data: st.DataObject) -> None:
    """Export then import is the identity within the digits that are printed, for every line of every station."""
    station = data.draw(st.sampled_from(sorted(NETWORK.stations.values(), key=lambda each: each.station)))
    assert station.ministry is not None
    targets = [TargetChannel(each.name, each.parameter, each.unit) for each in station.channel_list()]
    names = Names(targets, {each.symbol: each.channel for each in station.ministry.lines}, ())
    units = {each.name: each for each in targets}
    figures = {
        each.channel: Figure(data.draw(st.floats(-500, 5000)), data.draw(st.sampled_from(FiledStatus)))
        for each in station.ministry.lines
    }
    made = file_of(station.ministry, FIVE_PAST, figures)
    assert made is not None
    back = {}
    for number, row in enumerate(made.content.decode().splitlines(keepends=True), start=1):
        read = reader.line(FilePlace(Path("x"), number), row)
        assert isinstance(read, ImportLine)
        channel = names.channel(read.name)
        assert isinstance(channel, TargetChannel)
        convert = names.unit(units[channel.name], read.unit)
        assert isinstance(convert, Conversion)
        assert read.value is not None
        back[channel.name] = (convert(read.value), read.state, read.t_ms)
    assert [*back] == [each.channel for each in station.ministry.lines]
    for each in station.ministry.lines:
        value, status = figures[each.channel]
        step = 0.5 * 10**-each.decimals / each.factor
        state = {"00": State.OK, "01": State.CAL, "02": State.FAULT}[status]
        read_value, read_state, t_ms = back[each.channel]
        assert read_value == pytest.approx(value, abs=step * 1.001)
        assert (read_state, t_ms) == (state, FIVE_PAST.timestamp() * 1000)
