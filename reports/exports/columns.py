"""Columns of an export: their names, what they hold, and of which type they are. Pure."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from reports.exports.formats import Resolution

Kind = Literal["time", "local", "text", "number", "count", "truth"]
"""`time`: an instant, in UTC; `local`: the same in the network's zone; `count`: a whole number."""


class Column(NamedTuple):
    """A column and what it holds, in Vietnamese and English."""

    name: str
    kind: Kind
    vi: str
    en: str


def _local(name: str) -> Column:
    return Column(name, "local", "như cột trước, giờ địa phương", "the column before, in local time")


_PLACE: Final = (
    Column("station", "text", "trạm", "station"),
    Column("channel", "text", "kênh đo", "channel"),
    Column("parameter", "text", "thông số", "parameter"),
)
_STAGE: Final = Column(
    "stage", "text", "raw nguyên gốc, unreviewed chưa kiểm duyệt, reviewed đã kiểm duyệt",
    "raw, unreviewed (tests have run), reviewed (a person signed the day)",
)  # fmt: skip
RAW: Final = (
    Column("time_utc", "time", "hết khoảng đo của giá trị", "end of the stretch that the value covers"),
    _local("time"),
    *_PLACE,
    Column(
        "value", "number", "giá trị; đã hiệu chỉnh thì là giá trị hiệu chỉnh",
        "value; a correction's where there is one",
    ),
    Column("unit", "text", "đơn vị (UCUM)", "unit (UCUM)"),
    Column("raw_value", "number", "giá trị đo được, không bao giờ đổi", "what was measured, never changed"),
    Column("state", "text", "trạng thái do thiết bị báo", "what the device says of the value"),
    Column(
        "quality", "count", "cờ QARTOD: 1 tốt, 2 chưa đánh giá, 3 nghi ngờ, 4 không đạt, 9 thiếu",
        "QARTOD flag: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing",
    ),
    Column("tests", "text", "phép kiểm tra không đạt", "tests that found something"),
    Column(
        "score", "number", "mức độ rõ của phép kiểm tra: 1 là vừa đủ để nghi ngờ",
        "how far the evidence of the tests goes: at 1 a reading becomes suspect",
    ),
    Column("words", "text", "lời của phép kiểm tra", "what the tests say, in Vietnamese"),
    Column("words_en", "text", "lời của phép kiểm tra, bằng tiếng Anh", "what the tests say, in English"),
    Column("verdict", "count", "cờ do người đánh giá đặt", "flag that a person gave"),
    Column("verdict_by", "text", "người đánh giá", "who gave it"),
    Column("verdict_reason", "text", "lý do đánh giá", "why"),
    Column("corrected_by", "text", "người hiệu chỉnh", "who corrected the value"),
    Column("correction_reason", "text", "lý do hiệu chỉnh", "why"),
    _STAGE,
    Column("late", "truth", "đến muộn", "came late"),
    Column("received_at_utc", "time", "lúc trung tâm nhận", "when the centre got it"),
)  # fmt: skip
BUCKETS: Final = (
    Column(
        "begin_utc", "time", "đầu giờ hoặc ngày: begin < t ≤ begin + độ rộng",
        "begin of the hour or day: begin < t ≤ begin + width",
    ),
    _local("begin"),
    *_PLACE,
    Column(
        "value", "number", "giá trị của khoảng: trung bình, hướng trung bình, tổng hoặc giá trị cuối, theo thông số",
        "value of the hour or day: mean, mean direction, sum or last value, as the parameter asks",
    ),
    Column("unit", "text", "đơn vị (UCUM)", "unit (UCUM)"),
    Column("mean", "number", "trung bình", "mean"),
    Column("min", "number", "nhỏ nhất", "least"),
    Column("max", "number", "lớn nhất", "greatest"),
    Column("sd", "number", "độ lệch chuẩn", "standard deviation"),
    Column("count", "count", "số giá trị được tính", "readings that count"),
    Column("expected", "count", "số giá trị phải có", "readings that were expected"),
    Column("completeness", "number", "tỉ lệ dữ liệu hợp lệ, 0–1", "share of them that count, 0–1"),
    Column("valid", "truth", "đủ dữ liệu để có giá trị", "enough of them for the value to count"),
    _STAGE,
)  # fmt: skip


def columns_of(resolution: Resolution, zone: ZoneInfo) -> tuple[Column, ...]:
    """Return the columns of a file; that of local time is named after the zone, as `time_asia_ho_chi_minh`."""
    suffix = zone.key.lower().replace("/", "_").replace("-", "_")
    every = RAW if resolution is Resolution.RAW else BUCKETS
    return tuple(each._replace(name=f"{each.name}_{suffix}") if each.kind == "local" else each for each in every)
