"""The small tables of a disclosure: stations, channels, limits, completeness, findings, reviews, days not signed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from quantrac.config.limits import DecreeLimit, DecreeLimits
from quantrac.database.pool import Connection
from quantrac.telemetry.parameters import CATALOGUE, HOUSEKEEPING
from reports.exports.columns import Column
from reports.exports.rows import UTC, WORDS


class Table(NamedTuple):
    """A table of the archive and what makes its rows."""

    name: str
    vi: str
    en: str
    columns: tuple[Column, ...]
    query: str = ""
    """One that gives these columns; of the year's channels, times and days."""


def _texts(*named: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(name, "text", vi, en) for name, vi, en in named)


_CHANNEL: Final = _texts(("station", "trạm", "station"), ("channel", "kênh đo", "channel"))
_SPAN: Final = (
    Column("from_utc", "time", "số liệu đầu", "first reading"),
    Column("to_utc", "time", "số liệu cuối", "last reading"),
)
_REASON: Final = _texts(("reason", "lý do", "why"))
STATIONS: Final = Table(
    "stations", "Trạm", "Stations",
    (
        *_texts(
            ("station", "mã trạm", "station"), ("name_vi", "tên", "Vietnamese name"),
            ("name_en", "tên tiếng Anh", "name"),
        ),
        Column("latitude", "number", "vĩ độ, WGS 84", "latitude, WGS 84"),
        Column("longitude", "number", "kinh độ, WGS 84", "longitude, WGS 84"),
        *_texts(("in_service", "vận hành từ", "in service since")),
    ),
    f"""select station, name_vi, name_en, latitude, longitude, {UTC.format("in_service")} from station
    where station in (select station from channel where channel = any(%(channels)s)) order by station collate "C" """,  # noqa: S608  # constants
)  # fmt: skip
CHANNELS: Final = Table(
    "channels", "Từ điển kênh đo", "Dictionary of channels",
    (
        *_CHANNEL,
        *_texts(
            ("parameter", "thông số", "parameter"), ("title_vi", "tên thông số", "Vietnamese title"),
            ("title_en", "tên tiếng Anh", "title"), ("unit", "đơn vị (UCUM)", "unit (UCUM)"),
            ("kind", "cách gộp: mean, vector, sum, last", "how values are put together: mean, vector, sum, last"),
        ),
        Column("interval_s", "number", "chu kỳ đo, giây", "seconds between readings"),
        Column("derived", "truth", "do trung tâm tính", "made by the centre of other channels"),
    ),
)  # fmt: skip
CHANNEL_ROWS: Final = """
select station, channel, parameter, unit, kind, interval_s, derived from channel
where channel = any(%(channels)s) order by channel collate "C"
"""
LIMITS: Final = Table(
    "limits", "Giới hạn của quy chuẩn, tiêu chuẩn", "Limits of decrees and standards",
    (
        *_texts(
            ("limit", "mã", "name"), ("decree", "quy chuẩn", "decree"), ("article", "điều, bảng", "article or table"),
            ("parameter", "thông số", "parameter"), ("average", "thời gian trung bình", "averaging time"),
        ),
        Column("low", "number", "nhỏ nhất cho phép", "least that is allowed"),
        Column("high", "number", "lớn nhất cho phép", "greatest that is allowed"),
        *_texts(("first", "từ ngày", "first day"), ("last", "đến ngày", "last day")),
        Column("confirmed", "truth", "đã đối chiếu văn bản", "read in the decree; false: from memory"),
    ),
)  # fmt: skip
COMPLETENESS: Final = Table(
    "completeness", "Tỷ lệ nhận và tỷ lệ hợp lệ theo tháng và năm", "Received and valid shares by month and year",
    (
        *_CHANNEL, *_texts(("period", "tháng hoặc năm", "month or year")),
        Column("expected", "count", "số liệu phải có", "readings expected"),
        Column("received", "count", "đã nhận", "received"),
        Column("received_percent", "number", "tỷ lệ nhận, %", "share received, %"),
        Column("valid", "count", "hợp lệ", "valid"),
        Column("valid_percent", "number", "tỷ lệ hợp lệ, %", "share valid, %"),
        *_texts(("lacking", "số liệu thiếu theo nguyên nhân", "readings that lack, by cause")),
    ),
    """with days as materialized (
      select station, channel, to_char(day, 'YYYY-MM') as month, expected, received, valid,
             coalesce(causes, jsonb_build_object('unknown', expected - valid)) as causes
      from v_completeness where channel = any(%(channels)s) and time >= %(after)s and time < %(until)s),
    sums as (
      select station, channel, month, sum(expected) as expected, sum(received) as received, sum(valid) as valid
      from days group by grouping sets ((station, channel, month), (station, channel))),
    why as (
      select channel, month, cause, sum(readings::int8) as readings
      from days cross join jsonb_each_text(causes) e(cause, readings)
      group by grouping sets ((channel, month, cause), (channel, cause)))
    select station, channel, coalesce(month, %(year)s::text) as period, expected, received,
           floor(received * 10000 / nullif(expected, 0)) / 100, valid, floor(valid * 10000 / nullif(expected, 0)) / 100,
           (select string_agg(cause || ' ' || readings, '; ' order by cause) from why w
            where w.channel = s.channel and w.month is not distinct from s.month)
    from sums s order by channel collate "C", period""",
)  # fmt: skip
FLAGS: Final = Table(
    "flags", "Kết quả của các phép kiểm tra tự động", "Findings of automatic tests",
    (
        *_CHANNEL, Column("time_utc", "time", "giờ của số liệu", "time of the reading"),
        *_texts(("test", "phép kiểm tra", "test")),
        Column("flag", "count", "cờ QARTOD", "QARTOD flag"), *_REASON,
    ),
    f"""select f.station, f.channel, {UTC.format("f.time")}, f.test, f.flag, {WORDS.format("f.reason")}
    from (select distinct on (channel, time, test) * from v_flag
          where channel = any(%(channels)s) and time > %(after)s and time <= %(until)s and test is not null
          order by channel, time, test, flag_id desc) f
    where f.flag >= 3 order by f.channel collate "C", f.time, f.test collate "C" """,  # noqa: S608
)  # fmt: skip
REVIEWS: Final = Table(
    "reviews", "Đánh giá và hiệu chỉnh của người kiểm duyệt", "Verdicts and corrections of people",
    (
        *_CHANNEL, *_texts(("kind", "flag: đánh giá, correction: hiệu chỉnh", "flag: verdict; correction")), *_SPAN,
        Column("readings", "count", "số liệu", "readings"),
        Column("flag", "count", "cờ QARTOD", "QARTOD flag"),
        Column("value", "number", "giá trị thay", "value in their place"),
        Column("factor", "number", "hệ số", "factor"), Column("added", "number", "cộng thêm", "added"),
        Column("drift", "number", "độ trôi đã bù", "drift taken off"),
        *_REASON, Column("at_utc", "time", "lúc ghi", "when"),
    ),
    f"""select station, channel, kind, {UTC.format("from_t")}, {UTC.format("to_t")}, readings, flag, value, factor,
               added, drift, {WORDS.format("reason")}, {UTC.format("at")}
    from v_review where channel = any(%(channels)s) and state = 'in force' and kind <> 'rejection'
      and to_t > %(after)s and from_t <= %(until)s
    order by channel collate "C", from_t, to_t, at, kind""",  # noqa: S608
)  # fmt: skip
UNSIGNED: Final = Table(
    "unsigned_days", "Ngày chưa ký duyệt", "Days that nobody signed as reviewed",
    (*_CHANNEL, *_texts(("day", "ngày", "local day"), ("stage", "mức kiểm duyệt", "stage"))),
    """select station, channel, day, stage from v_stage
    where channel = any(%(channels)s) and time >= %(after)s and time < %(until)s and stage <> 'reviewed'
    order by channel collate "C", day""",
)  # fmt: skip
QUERIED: Final = (STATIONS, COMPLETENESS, FLAGS, REVIEWS, UNSIGNED)
YEARS_CHANNELS: Final = """
select channel from (
  select channel from channel c where parameter <> all(%(housekeeping)s) and exists (
    select from daily d where d.channel_id = c.channel_id and d.time >= %(after)s and d.time < %(until)s)
  union
  select channel from v_completeness
  where parameter <> all(%(housekeeping)s) and time >= %(after)s and time < %(until)s) own
order by channel collate "C"
"""


def years_channels(conn: Connection, after: object, until: object) -> list[str]:
    """Return the channels of a year in their order; those of the stations themselves are left out.

    Also those that should have measured and were silent all year: the shares of the year say so.
    """
    asked = {"after": after, "until": until, "housekeeping": [parameter.id for parameter in HOUSEKEEPING]}
    return [channel for (channel,) in conn.execute(YEARS_CHANNELS, asked)]


def copy(conn: Connection, table: Table, asked: dict[str, object], out: Any) -> int:
    """Write the rows that a table's query gives, below a head; return their number."""
    out.write((",".join(column.name for column in table.columns) + "\n").encode())
    count = 0
    with conn.cursor() as cursor, cursor.copy(f"copy ({table.query}) to stdout with (format csv)", asked) as copied:
        for line in copied:
            out.write(line)
            count += 1
    return count


def channel_rows(conn: Connection, channels: Sequence[str]) -> list[tuple[object, ...]]:
    """Return the rows of the dictionary."""
    rows = []
    for station, channel, name, unit, kind, interval_s, derived in conn.execute(CHANNEL_ROWS, {"channels": channels}):
        known = CATALOGUE.get(name)
        titles = (name, name) if known is None else (known.title_vi, known.title_en)
        rows.append((station, channel, name, *titles, unit, kind, interval_s, "true" if derived else "false"))
    return rows


def limit_rows(limits: DecreeLimits, first: date, last: date) -> list[tuple[object, ...]]:
    """Return the rows of the limits that held on a day of the year. Pure."""
    every: Iterable[DecreeLimit] = (limit for name in sorted(limits) for limit in limits[name])
    return [
        (
            one.name, one.decree, one.article.en, one.parameter, one.average, one.low, one.high, one.first, one.last,
            "true" if one.confirmed else "false",
        )
        for one in every
        if (one.first is None or one.first <= last) and (one.last is None or one.last >= first)
    ]  # fmt: skip


def as_csv(table: Table, rows: Iterable[Sequence[object]]) -> str:
    """Return rows below the table's head. Pure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows(rows)
    return text.getvalue()
