"""A laboratory's file: columns in two languages, decimal commas, limits of detection, and each refusal at its place."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from quantrac.desks.entries import BadEntry
from quantrac.desks.laboratory_file import FileLine, RefusedLine, Usual, marks_shown, read_file
from quantrac.desks.laboratory_results import LaboratoryResult, measured, ucum_of, value_of
from quantrac.desks.samples import CustodyStep
from quantrac.telemetry.parameters import CATALOGUE

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
STATIONS = {"st-a": "st-a", "mỹ thanh": "st-a", "st-b": "st-b"}
COLUMNS = (
    "Ký hiệu mẫu;Trạm;Thời gian lấy mẫu;Người lấy mẫu;Phòng thí nghiệm;Chỉ tiêu;Kết quả;Đơn vị;Phương pháp;"
    "Ngày nhận mẫu;Người nhận mẫu;Ghi chú"
)
VIETNAMESE = f"""\ufeff{COLUMNS}
M1;Mỹ Thanh;24/11/2026 09:00;An;TT;N-NH4;0,42;mg/l;TCVN 6179-1:1996;24/11/2026;Bình;x

M1;ST-A;24/11/2026 09:00;An;TT;Độ mặn;<0,5;‰;;;;
M2;st-c;24/11/2026 09:00;An;TT;pH;7,1;-;;;;
M3;st-a;31/11/2026 09:00;An;TT;pH;7,1;;;;;
M4;st-a;24/11/2026 09:00;An;TT;Oxy;7,1;;;;;
M5;st-a;24/11/2026 09:00;An;TT;DO;7,o1;;;;;
M6;st-a;24/11/2026 09:00;An;TT;EC;512;µS/cm;;;;
M7;st-a;24/11/2026 09:00;An;TT;EC;512;mg/l;;;;
M8;st-a;24/11/2026 09:00;An;TT;pH;71;;;;;
;st-a;24/11/2026 09:00;An;TT;pH;7,1;;;;;
M9;st-a
"""


def read(text: str, usual: Usual = Usual()) -> list[FileLine | RefusedLine]:  # noqa: B008  # it is frozen
    return list(read_file(text, STATIONS, ZONE, usual))


def test_each_line_is_read_or_refused_with_line_column_what_was_found_and_what_is_expected() -> None:
    found = read(VIETNAMESE)
    first, second, *rest = found
    assert isinstance(first, FileLine)
    assert isinstance(second, FileLine)
    nine = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    assert first.sheet == ("st-a", "M1", nine, "An", "TT", "")
    assert first.result == LaboratoryResult("nh4_n", "0,42", "mg/l", "TCVN 6179-1:1996", decimal_mark=",")
    assert first.steps == ((CustodyStep.RECEIVED, datetime(2026, 11, 23, 17, 0, tzinfo=UTC), "Bình", ""),)
    assert (first.has_clock, sorted(first.says)) == (True, ["laboratory", "sampled_by"])
    assert (second.line, second.result.parameter, second.result.reported, second.steps) == (4, "salinity", "<0,5", ())
    (ec,) = [one for one in rest if isinstance(one, FileLine)]
    assert value_of(ec.result).value == pytest.approx(0.512), "the catalogue has mS/cm"
    assert [one.words("kq.csv") for one in rest if isinstance(one, RefusedLine)] == [
        "kq.csv:5:2: Trạm: found 'st-c', expected a station of the network",
        "kq.csv:6:3: Thời gian lấy mẫu: found '31/11/2026 09:00', expected a time such as 24/11/2026 07:05",
        "kq.csv:7:6: Chỉ tiêu: found 'Oxy', expected a parameter such as NH4, DO or Độ mặn",
        "kq.csv:8:7: Kết quả: found '7,o1', expected a number or a limit of detection such as <0.02",
        "kq.csv:10:8: Đơn vị: found 'mg/l', expected a unit of ec such as mS/cm",
        "kq.csv:11:7: Kết quả: found 71, expected 0 to 14 ",
        "kq.csv:12:1: Ký hiệu mẫu: found nothing, expected something to read",
        "kq.csv:13:3: Thời gian lấy mẫu: found '', expected a time such as 24/11/2026 07:05",
    ]


def test_a_day_of_sampling_without_a_clock_is_said_to_be_one() -> None:
    head = "code,sampled_at,parameter,value\n"
    times = ["24/11/2026", "2026-11-24", "24/11/2026 00:00", "2026-11-24T00:00"]
    found = read(head + "".join(f"M1,{time},ph,7.1\n" for time in times), Usual("st-a", "An", "TT"))
    assert [one.has_clock for one in found if isinstance(one, FileLine)] == [False, False, True, True]
    assert {one.sheet.sampled_at for one in found if isinstance(one, FileLine)} == {
        datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    }


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (("1.500", "0.42"), [1.5, 0.42]),
        (("2,250", "<0,020", "1,5"), [2.25, None, 1.5]),
        (("1.500", "0.500"), [1.5, 0.5]),
        (("1.500", "2.250"), []),  # nothing says what the points are
        (("1.500", "7,1"), [7.1]),  # a thousand, five hundred, by the comma of the other
        (("1,500", "7.1"), [7.1]),
        (("1.500", "0.42", "0,42"), [0.42, 0.42]),  # of two hands
    ],
)
def test_three_decimals_are_read_where_another_value_of_the_column_shows_what_begins_decimals(
    values: tuple[str, ...], found: list[float | None]
) -> None:
    lines = [f"M{n};2026-11-24T02:00Z;no3_n;{value}" for n, value in enumerate(values)]
    read_lines = read("\n".join(["code;sampled_at;parameter;value", *lines]), Usual("st-a", "An", "TT"))
    assert [value_of(one.result).value for one in read_lines if isinstance(one, FileLine)] == found
    refused = [one.words("f") for one in read_lines if isinstance(one, RefusedLine)]
    assert len(refused) == len(values) - len(found)
    assert all("reads in two ways: write 1500 or 1" in one or "write 2250 or 2.2500" in one for one in refused)


def test_all_parts_of_a_file_show_what_begins_decimals_and_what_is_no_result_shows_nothing() -> None:
    head, whole = "code;sampled_at;parameter;value\n", "M1;2026-11-24T02:00Z;no3_n;1.500\n"
    point, comma, date = (whole.replace("1.500", other) for other in ("0.42", "0,42", "xem phieu 12.2026"))
    usual = Usual("st-a", "An", "TT")
    for parts, refused in (((whole, point), 0), ((whole,), 1), ((whole, point, comma), 1), ((whole, date), 2)):
        marks = {mark for part in parts for mark in marks_shown(head + part, usual)}
        lines = [line for part in parts for line in read_file(head + part, STATIONS, ZONE, usual, marks)]
        assert sum(isinstance(one, RefusedLine) for one in lines) == refused
        in_one = list(read_file(head + "".join(parts), STATIONS, ZONE, usual))
        assert sum(isinstance(one, RefusedLine) for one in in_one) == refused, "one part or several, it is the same"


@pytest.mark.parametrize(
    ("parameter", "names"),
    [
        ("nh4_n", ("NH4+", "NH₄⁺", "N-NH4+", "NH4+-N", "Amoni (NH4+ tính theo N)", "Amoni (N-NH4)", "NH4", "amoni")),
        ("no3_n", ("NO3-", "NO₃⁻", "NO3\N{MINUS SIGN}", "N-NO3-", "NO3--N", "NO3-N", "Nitrat (NO3-)", "NO3- (as N)")),
        ("no2_n", ("NO2", "NO2-", "NO₂⁻", "Nitrit (tính theo N)", "N - NO2")),
        ("po4_p", ("PO43-", "PO₄³⁻", "PO4 3-", "PO4^3-", "P-PO43-", "PO43--P", "Phosphat (PO43- tính theo P)")),
        ("no2", ("no2",)),  # as the catalogue writes the gas
        ("water_temp", ("Nhiệt độ", "Nhie\u0323\u0302t đo\u0323\u0302")),
    ],
)  # fmt: skip
def test_an_ion_is_known_by_formula_charge_and_words(parameter: str, names: tuple[str, ...]) -> None:
    lines = [f"M{n};2026-11-24T02:00Z;{name};7" for n, name in enumerate((*names, "NO4-", "P-NO3", "NH4-", "PO43"))]
    found = read("\n".join(["code;sampled_at;parameter;value", *lines]), Usual("st-a", "An", "TT"))
    assert [one.result.parameter for one in found if isinstance(one, FileLine)] == [parameter] * len(names)
    assert [one.name for one in found if isinstance(one, RefusedLine)] == ["parameter"] * 4


def test_what_the_file_does_not_say_is_as_usual_and_other_stations_are_refused() -> None:
    head = "code,sampled_at,parameter,value,station\n"
    usual = Usual("st-a", "An", "TT")
    own, other = read(f'{head}M1,2026-11-24T02:00Z,ph,"7,1",\nM2,2026-11-24T02:00Z,ph,7.1,st-b\n', usual)
    assert isinstance(own, FileLine)
    assert own.sheet[0] == "st-a"
    assert own.sheet[3:] == ("An", "TT", "")
    assert not own.says
    assert isinstance(other, RefusedLine)
    assert other.words("f") == "f:3:5: station: found 'st-b', expected st-a only"
    (headless,) = read("a;b\n1;2\n")
    assert isinstance(headless, RefusedLine)
    assert headless.words("f").startswith("f:1:1: the first line names no column code, station, sampled_at")
    for empty in ("", "\n"):
        (nothing,) = read(empty)
        assert isinstance(nothing, RefusedLine)
        assert nothing.words("f") == headless.words("f")


LONG = "x" * 200_000
SHORT = "M1,2026-11-24T02:00Z,ph,7.1"


@pytest.mark.parametrize("field", [LONG, "9" * 200_000, f'"{LONG}"', f"M1,2026-11-24T02:00Z,{LONG}"])
def test_a_field_of_any_length_is_refused_and_the_next_line_is_read(field: str) -> None:
    refused, own = read(f"code,sampled_at,parameter,value\n{field}\n{SHORT}\n", Usual("st-a", "An", "TT"))
    assert isinstance(refused, RefusedLine)
    assert refused.words("f").startswith("f:2:")
    assert len(refused.words("f")) < 300
    assert isinstance(own, FileLine)
    assert own.line == 3


@pytest.mark.parametrize("head", [LONG, f"code,{LONG}", f'"{LONG}'])
def test_a_head_of_any_length_is_refused(head: str) -> None:
    (refused,) = read(f"{head}\n{SHORT}\n", Usual("st-a", "An", "TT"))
    assert isinstance(refused, RefusedLine)
    assert refused.words("f").startswith("f:1:1: found field larger than field limit")


def test_units_are_those_of_the_parameter_however_they_are_written() -> None:
    for unit, parameter, code in (
        ("mg/L", "do", "mg/L"), ("MG/L", "do", "mg/L"), ("ug/l", "nh4_n", "ug/L"), ("µg/l", "nh4_n", "ug/L"),
        ("°C", "water_temp", "Cel"), ("ppt", "salinity", "[ppth]"), ("", "ph", "[pH]"), ("-", "ph", "[pH]"),
        ("NTU", "turbidity", "[NTU]"), ("μS/cm", "ec", "uS/cm"), ("mg CaCO3/l", "alkalinity", "mg/L"),
        ("mg/l", "ec", None), ("°C", "do", None), ("", "do", None), ("furlong", "do", None),
    ):  # fmt: skip
        assert ucum_of(unit, parameter) == code, (unit, parameter)
    assert all(ucum_of(CATALOGUE[name].label, name) is not None for name in measured())


def test_a_result_is_in_the_unit_of_the_catalogue_and_within_what_can_be_measured() -> None:
    below = value_of(LaboratoryResult("nh4_n", "<20", "µg/l", ""))
    assert below.value is None
    assert below.detection_limit == pytest.approx(0.02)
    for parameter, reported, unit in (
        ("battery_v", "12", ""), ("vn_aqi", "50", ""), ("nothing", "1", ""), ("do", "1e300", ""), ("ph", "-1", ""),
        ("do", "5", "NTU"),
    ):  # fmt: skip
        with pytest.raises(BadEntry):
            value_of(LaboratoryResult(parameter, reported, unit, ""))
