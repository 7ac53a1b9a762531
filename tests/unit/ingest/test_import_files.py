"""Files of the years before, however mad: every line is a value or a short problem with its place."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from ingest.importing import files, ministry, table
from ingest.importing.files import NothingToImport
from ingest.importing.flags import UnclearFlags, words_of
from ingest.importing.line import FilePlace, ImportLine, LineProblem
from ingest.importing.names import Names, TargetChannel
from ingest.importing.numbers import DecimalMark, UnclearNumbers, marks_of, number
from ingest.importing.table import FlagLine, Notation
from ingest.importing.times import DateOrder, UnclearDates, moment_ms, order_of

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOTATION = Notation("st-a", ZONE)
LONG = "x" * 500_000


@pytest.mark.parametrize(
    "text",
    [
        f"time,ph\n2024-05-01 07:05,{LONG}\n2024-05-01 07:10,7.2\n",
        f"time,ph\n2024-05-01 07:05,{'9' * 9000}\n2024-05-01 07:10,7.2\n",
        f"time,ph\n{LONG}\n2024-05-01 07:10,7.2\n",
        f"time;ph\n2024-05-01 07:05;{';' * 300_000}\n2024-05-01 07:10;7.2\n",
    ],
)
def test_a_field_of_any_length_is_a_problem_and_the_next_line_is_read(tmp_path: Path, text: str) -> None:
    file = tmp_path / "old.csv"
    file.write_text(text, "utf-8")
    *problems, last = table.lines(file, NOTATION)
    assert isinstance(last, ImportLine)
    assert last.value == 7.2
    assert problems
    for problem in problems:
        assert isinstance(problem, LineProblem)
        assert str(problem).startswith(f"{file}:")
        assert len(str(problem)) < 300 + len(str(file)) + 10


@pytest.mark.parametrize("name", ["DateTimeStamp", "Timestamp", "Date Time", "Ngày giờ"])
def test_a_column_of_times_is_known_by_what_loggers_and_archives_call_it(tmp_path: Path, name: str) -> None:
    """DateTimeStamp is NERRS' own (CDMO), Timestamp that of most loggers."""
    file = tmp_path / "old.csv"
    file.write_text(f"{name},ph\n2024-05-01 07:05,7.2\n", "utf-8")
    (line,) = table.lines(file, NOTATION)
    assert isinstance(line, ImportLine)
    assert (line.name, line.value, line.t_ms) == ("ph", 7.2, moment_ms("2024-05-01T00:05:00Z", ZONE, "day-first"))
    file.write_text("Zeit,ph\n2024-05-01 07:05,7.2\n", "utf-8")
    (problem,) = table.lines(file, NOTATION)
    assert "found columns zeit, ph, expected one named time_utc or time or timestamp" in str(problem)


@pytest.mark.parametrize("text", [LONG, f"time,{LONG}\n1,2\n", f'"{LONG}'])
def test_a_head_of_any_length_is_a_problem(tmp_path: Path, text: str) -> None:
    file = tmp_path / "old.csv"
    file.write_text(text, "utf-8")
    (problem,) = table.lines(file, NOTATION)
    assert isinstance(problem, LineProblem)
    assert len(str(problem)) < 500


def test_a_line_of_any_length_of_the_ministry_s_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "old.txt"
    file.write_text(f"Temp\t{LONG}\toC\t20250301000500\t00\nTemp\t28.4\toC\t20250301000500\t00\n", "utf-8")
    *problems, last = ministry.lines(file)
    assert isinstance(last, ImportLine)
    assert {len(str(problem)) < 500 for problem in problems} == {True}


# ---- dates -----------------------------------------------------------------------------------------------------------


def placed(*texts: str) -> list[tuple[FilePlace, str]]:
    return [(FilePlace(Path("old.csv"), line), text) for line, text in enumerate(texts, start=2)]


def test_dates_with_two_meanings_are_refused_with_both_until_somebody_says() -> None:
    """Of a Hydrolab's export: 7/2/2021 is in July, which only 7/13/2021 of a later file shows."""
    with pytest.raises(UnclearDates) as unclear:
        order_of(placed("7/2/2021 10:00", "2021-07-03 10:00"), None)
    said = str(unclear.value)
    assert "old.csv:2: time: found '7/2/2021 10:00'" in said
    assert "7 February 2021 (day first) or 2 July 2021 (month first)" in said
    assert "--dates day-first" in said
    assert order_of(placed("7/2/2021 10:00"), "month-first") == "month-first"
    assert order_of(placed("7/2/2021 10:00", "7/13/2021 10:00"), None) == "month-first"
    assert order_of(placed("7/2/2021 10:00", "13/7/2021 10:00"), None) == "day-first"


def test_files_that_show_both_orders_are_refused_with_both_places() -> None:
    with pytest.raises(UnclearDates, match=r"old.csv:3.*day first.*old.csv:2.*month first"):
        order_of(placed("7/13/2021 10:00", "13/7/2021 10:00"), None)


@pytest.mark.parametrize("texts", [(), ("5/5/2021 10:00",), ("2021-02-07 10:00", "20210207100000"), ("never",)])
def test_dates_with_one_meaning_need_no_word(texts: tuple[str, ...]) -> None:
    assert order_of(placed(*texts), None) == "day-first"


@pytest.mark.parametrize("none", ["0/1/1900 00:00", "7/2/2021 25:00", "31/2/2021 10:00", "45/2/2021", "0/13/2021"])
def test_a_date_that_is_none_in_any_order_shows_nothing_and_stops_nothing(none: str) -> None:
    """0/1/1900 is how Excel writes its day 0: the line of each is refused later, by its place."""
    assert order_of(placed(none), None) == "day-first"
    assert order_of(placed(none, "7/13/2021 10:00"), None) == "month-first"
    with pytest.raises(UnclearDates, match=r"old.csv:3"):
        order_of(placed(none, "7/2/2021 10:00"), None)


@given(
    st.lists(st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2030-01-01")), min_size=1),
    st.booleans(),
)
def test_no_date_is_ever_stored_as_another_one(moments: list[datetime], month_first: bool) -> None:
    """Whatever a file holds: either its dates are read as they were written, or it is refused."""
    form = "%m/%d/%Y %H:%M" if month_first else "%d/%m/%Y %H:%M"
    texts = [f"{moment:{form}}" for moment in moments]
    try:
        order = order_of(placed(*texts), None)
    except UnclearDates:
        order = "month-first" if month_first else "day-first"
    for moment, text in zip(moments, texts, strict=True):
        expected = moment.replace(second=0, microsecond=0, tzinfo=UTC).timestamp() * 1000
        assert moment_ms(text, UTC, order) == expected


@pytest.mark.parametrize(
    ("text", "order", "hour"),
    [
        ("7/2/2021 1:05 PM", "month-first", 13), ("7/2/2021 12:05 AM", "month-first", 0),
        ("2/7/2021 12:05 PM", "day-first", 12),
        ("02-07-2021 05:05", "day-first", 5), ("02.07.2021, 05:05", "day-first", 5),
    ],
)  # fmt: skip
def test_dates_are_read_in_the_order_that_holds(text: str, order: DateOrder, hour: int) -> None:
    assert moment_ms(text, UTC, order) == datetime(2021, 7, 2, hour, 5, tzinfo=UTC).timestamp() * 1000


@pytest.mark.parametrize("text", ["7/13/2021 10:00", "31/2/2021 10:00", "7/2/2021 13:05 PM", "7/2/21 10:00"])
def test_a_date_that_is_none_in_its_order_is_a_problem(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment_ms(text, UTC, "day-first")


# ---- flags -----------------------------------------------------------------------------------------------------------


def test_numbers_are_qartod_s_flags_only_where_all_of_them_may_be() -> None:
    """With a 0 among them they are others', and 1 may well be what is bad."""
    place = FilePlace(Path("old.csv"), 2)
    qartod, others = ([FlagLine(place, "do", 0, word) for word in words] for words in ("134", "01"))
    assert [one.judgement for one in words_of(qartod, {}).values()] == ["good", "suspect", "fail"]
    with pytest.raises(UnclearFlags, match=r"'0'.*'1'"):
        words_of(others, {})
    with pytest.raises(UnclearFlags, match="'1'"):
        words_of(others, {"0": "good"})
    said = words_of(others, {"0": "good", "1": "fail"})
    assert [one.judgement for one in said.values()] == ["good", "fail"]


# ---- kinds of files, names -------------------------------------------------------------------------------------------

MORNING = datetime.fromisoformat("2024-05-01 07:05")
ROWS = (("time", "pH", "note", "Temp_QC"), ("2024-05-01 07:05", "7.2", "rain", "1"), ("2024-05-01 07:10", "", "", ""))


def test_compressed_and_excel_files_bring_what_csv_brings(tmp_path: Path) -> None:
    text = "".join(",".join(row) + "\n" for row in ROWS)
    (tmp_path / "a.csv").write_text(text, "utf-8")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text.encode()))
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(ROWS[0])
    sheet.append((MORNING, 7.2, "rain", 1))
    sheet.append((MORNING + timedelta(minutes=5), None, None))
    book.save(tmp_path / "c.xlsx")
    found = files.found([tmp_path], "csv")
    assert [file.name for file in found] == ["a.csv", "b.csv.gz", "c.xlsx"]
    brought = [[*table.lines(file, NOTATION._replace(skipped=("no*", "*_qc")))] for file in found]
    for lines in brought:
        (line,) = lines
        assert isinstance(line, ImportLine)
        assert (line.name, line.value, line.place.number) == ("ph", 7.2, 2)
        assert line.t_ms == datetime(2024, 5, 1, 0, 5, tzinfo=UTC).timestamp() * 1000


@pytest.mark.parametrize(("name", "data"), [("a.xlsx", b"PK\x03\x04no"), ("a.xlsx", b"time,ph"), ("a.csv.gz", b"time")])
def test_a_file_that_is_not_what_its_name_says_is_a_problem(tmp_path: Path, name: str, data: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    problem, *_ = table.lines(file, NOTATION)
    assert isinstance(problem, LineProblem)
    assert str(problem).startswith(f"{file}:1: found ")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"\x1f\x8b\x08\x00", "a compressed file: name it .csv.gz"),
        ("a.csv", b"PK\x03\x04", "name it .xlsx"),
        ("a.zip", b"PK\x03\x04", "unpack it"),
        ("a.xlsx", b"PAR1\x15\x04", "a Parquet file: name it .parquet"),
        ("a.nc", b"\x89HDF\r\n", "NetCDF or HDF5 file: export it as CSV"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1", "save it as .xlsx"),
        ("a.csv", b"%PDF-1.7", "a PDF"),
        ("a.csv", b"", "found nothing, expected the names of columns"),
    ],
    ids=["gzip", "excel", "zip", "parquet", "netcdf", "old excel", "pdf", "empty"],
)
def test_a_file_of_another_kind_is_named_with_what_to_do(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    (problem,) = table.lines(tmp_path / name, NOTATION)
    assert said in str(problem)


def test_a_text_in_utf_16_is_read_as_excel_writes_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("thời gian\tpH\n2024-05-01 07:05\t7,2\n", "utf-16")
    (line,) = table.lines(tmp_path / "a.csv", NOTATION)
    assert isinstance(line, ImportLine)
    assert (line.name, line.value) == ("ph", 7.2)


def test_a_formula_whose_value_no_program_has_kept_is_a_problem(tmp_path: Path) -> None:
    """It was taken for an empty cell. Programs that write workbooks without reckoning leave no values."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("time", "ph", "orp"), (MORNING, "=6+1.2", 310), (MORNING, 7.5, None)):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    problem, *values = table.lines(tmp_path / "a.xlsx", NOTATION)
    assert "a.xlsx:2: found =6+1.2, a formula without its value" in str(problem)
    assert [(line.name, line.value) for line in values if isinstance(line, ImportLine)] == [("orp", 310.0), ("ph", 7.5)]


@pytest.mark.parametrize("name", ["PAR1", "CDF"])
def test_a_table_whose_first_column_is_named_as_other_files_begin_is_read(tmp_path: Path, name: str) -> None:
    """`PAR1` is a usual name of a light sensor (photosynthetically active radiation)."""
    file = tmp_path / "light.csv"
    file.write_text(f"{name},time,ph\n812,2024-05-01 07:05,7.2\n", "utf-8")
    assert [str(line) for line in table.lines(file, NOTATION) if isinstance(line, LineProblem)] == []


@pytest.mark.parametrize(
    ("text", "skipped", "found"),
    [
        ("time,ph,ph_flag\n2024-05-01 07:05,7.2,<0>\n", (), ["ph_flag"]),
        ("time,ph,ph_flag\n2024-05-01 07:05,7.2,<0>\n", ("*_flag",), []),
        ("time,channel,value,flag\n2024-05-01 07:05,ph,7.2,\n2024-05-01 07:10,ph,7.2,4\n", (), ["flag"]),
        ("time,channel,value,verdict\n2024-05-01 07:05,ph,7.2,\n", (), []),
    ],
)
def test_flags_that_nobody_asks_for_are_told(
    tmp_path: Path, text: str, skipped: tuple[str, ...], found: list[str]
) -> None:
    (tmp_path / "a.csv").write_text(text, "utf-8")
    assert table.unread_flags(tmp_path / "a.csv", NOTATION._replace(skipped=skipped)) == found
    assert table.unread_flags(tmp_path / "a.csv", NOTATION._replace(skipped=skipped, flag_column="*_flag")) == []


def test_the_verdicts_of_an_export_are_flags_with_who_said_so_and_why(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "time_utc,channel,value,raw_value,verdict,verdict_by,verdict_reason\n"
        "2024-05-01T00:05:00Z,st-a/ph,7.2,7.2,4,chi,dry\n2024-05-01T00:10:00Z,st-a/ph,7.2,7.2,,,\n",
        "utf-8",
    )
    (flag,) = table.flags(tmp_path / "a.csv", NOTATION._replace(flag_column="*_flag"))
    assert isinstance(flag, FlagLine)
    assert (flag.words, flag.because) == ("4", "chi: dry")


@pytest.mark.parametrize("said", [None, "comma"])
def test_a_cell_that_holds_a_number_means_it_whatever_texts_show(tmp_path: Path, said: DecimalMark | None) -> None:
    """One was typed with a comma, which the workbook kept as a text."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("time", "ph"), (MORNING, 7.125), (MORNING + timedelta(minutes=5), "7,25"), (MORNING, 7.5)):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    notation = NOTATION._replace(decimal=said)
    marks = files.decimal_marks([tmp_path / "a.xlsx"], "csv", notation)
    read = table.lines(tmp_path / "a.xlsx", notation._replace(marks=marks))
    assert [line.value for line in read if isinstance(line, ImportLine)] == [7.125, 7.25, 7.5]


def test_capitals_in_the_ending_of_a_name_do_not_matter(tmp_path: Path) -> None:
    """As programs for Windows write them."""
    text = "".join(",".join(row) + "\n" for row in ROWS)
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in ROWS:
        sheet.append(row)
    book.save(tmp_path / "A.XLSX")
    (tmp_path / "B.CSV.GZ").write_bytes(gzip.compress(text.encode()))
    for file in files.found([tmp_path], "csv"):
        (line,) = table.lines(file, NOTATION._replace(skipped=("no*", "*_qc")))
        assert isinstance(line, ImportLine), line
        assert (line.name, line.value) == ("ph", 7.2)


@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
@pytest.mark.parametrize("name", ["a.csv.gz", "a.xlsx"])
def test_a_damaged_file_is_a_problem_wherever_the_damage_is(tmp_path: Path, name: str) -> None:
    """One wrong byte in 64 places: either all is read, or a problem names the file; nothing is raised."""
    file, whole = tmp_path / name, tmp_path / "whole.xlsx"
    if name == "a.xlsx":
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        for row in ROWS:
            sheet.append(row)
        book.save(whole)
        data = whole.read_bytes()
    else:
        text = "time,ph\n" + "".join(f"2024-05-01 {n // 60:02}:{n % 60:02},{n**3}\n" for n in range(900))
        data = gzip.compress(text.encode())
    for at in range(0, len(data), max(1, len(data) // 64)):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0x5A]) + data[at + 1 :])
        for line in table.lines(file, NOTATION):
            assert isinstance(line, ImportLine) or str(line).startswith(f"{file}:"), at


def test_the_kinds_of_files_are_named_where_none_is_found(tmp_path: Path) -> None:
    with pytest.raises(NothingToImport, match=r"\*\.csv, \*\.csv\.gz, \*\.xlsx"):
        files.found([tmp_path], "csv")


def test_names_are_left_out_by_a_pattern() -> None:
    names = Names([TargetChannel("ph", "ph", "[pH]")], {}, ["*_flag", "Ghi*"])
    assert names.channel("pH_FLAG") is None
    assert names.channel("ghi chú") is None
    assert names.channel("pH") == TargetChannel("ph", "ph", "[pH]")


def test_the_same_files_told_otherwise_are_others(tmp_path: Path) -> None:
    """`--map` after a refusal is a second try, no repetition."""
    file = tmp_path / "a.csv"
    file.write_text("time,ph\n")
    assert files.digest([file], ["Temp=water_temp"]) != files.digest([file], [])
    assert files.digest([file], ["a"]) == files.digest([file], ["a"])


@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        (("12,5", "1,234"), (12.5, 1.234)),  # the comma parts decimals
        (("12.5", "1,234", "1,234.5"), (12.5, 1234, 1234.5)),  # the dot does
        (("1,234,567", "1,234"), (1_234_567, 1234)),
        (("0,123", "1.234", "1.234,5"), (0.123, 1234, 1234.5)),
        (("-1.234", "5"), (-1.234, 5)),  # nothing has two meanings: a dot is a dot
        (("12.5", "12,5", "-", ""), (12.5, 12.5, None, None)),
    ],
)
def test_a_column_shows_what_parts_its_decimals(texts: tuple[str, ...], meant: tuple[float | None, ...]) -> None:
    marks = marks_of((FilePlace(Path("a.csv"), n), "do", text) for n, text in enumerate(texts, start=2))
    assert tuple(number(text, marks.get("do")) for text in texts) == meant


@pytest.mark.parametrize("texts", [("1,234", "7"), ("1,234", "12,5", "12.5"), ("12,5", "0.7", "1.234")])
def test_a_number_with_two_meanings_is_refused_with_both(texts: tuple[str, ...]) -> None:
    with pytest.raises(UnclearNumbers, match=r"a\.csv:\d: do: found '1[.,]234', which is 1\.234 or 1234, .*--decimal"):
        marks_of((FilePlace(Path("a.csv"), n), "do", text) for n, text in enumerate(texts, start=2))


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [("1,234", "dot", 1234), ("1,234", "comma", 1.234), ("1.234", "comma", 1234), ("1.234", "dot", 1.234)],
)
def test_what_parts_decimals_can_be_said(text: str, mark: DecimalMark, value: float) -> None:
    assert number(text, mark) == value
    for wrong in ("1,23,4" if mark == "dot" else "1.23,4", "1 234", "1_234", "1e999"):
        with pytest.raises(ValueError):
            number(wrong, mark)


def test_the_value_of_a_name_that_is_left_out_may_be_anything(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_text("time,channel,value\n2024-05-01 07:05,note,rain\nno time,st-a/note,1,5\n2024-05-01 07:05,ph,7.2\n")
    found = [*table.lines(file, NOTATION._replace(skipped=["note"]))]
    assert [type(line) for line in found] == [ImportLine, LineProblem, ImportLine]  # four fields are too many
    assert "expected 3" in str(found[1])
    assert Names([TargetChannel("ph", "ph", "[pH]")], {}, ["note"]).channel(found[0].name) is None  # type: ignore[union-attr]
