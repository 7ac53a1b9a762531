"""A year's archive, made of the database as it is at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import IO, Any, Final

from quantrac.config.limits import DecreeLimits
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.local_time import INSTANT, Calendar
from reports.disclosure import tables
from reports.disclosure.archive import Archive
from reports.disclosure.package import Described, YearFacts, checksums, datapackage, readme
from reports.disclosure.tables import Table
from reports.exports.columns import columns_of
from reports.exports.csv_file import write_csv
from reports.exports.formats import Resolution
from reports.exports.rows import in_one_moment, row_blocks
from reports.exports.selection import ExportRange
from reports.spans import ReportSpan

DAYS: Final = """
select count(*), count(*) filter (where stage <> 'reviewed'), min(day) filter (where stage <> 'reviewed') from v_stage
where channel = any(%(channels)s) and time >= %(after)s and time < %(until)s
"""
NAMES: Final = """
select station, name_vi, name_en from station
where station in (select station from channel where channel = any(%(channels)s)) order by station collate "C"
"""
TITLES: Final = {
    Resolution.HOURLY: ("Giá trị giờ", "Hourly values"),
    Resolution.DAILY: ("Giá trị ngày", "Daily values"),
}


class NotDisclosed(TranslatableError):
    """A year that cannot be disclosed, or not yet."""


def write_year(
    conn: Connection, limits: DecreeLimits, year: int, now: datetime, out: IO[bytes], *, marks_unsigned: bool
) -> YearFacts:
    """Write the archive of a local year that is over. Raises NotDisclosed, BadSpan.

    `marks_unsigned`: days that nobody signed are in it and marked; False: they are a reason to refuse.
    """
    span, calendar = ReportSpan.of(str(year)), Calendar(time_zone(conn))
    after = calendar.midnight(span.first)
    until = calendar.day_end(calendar.midnight(span.last) + INSTANT)
    if until > now:
        raise NotDisclosed("the year {year} is not over", year=year)
    with in_one_moment(conn):
        channels = tables.years_channels(conn, after, until)
        asked: dict[str, object] = {"channels": channels, "after": after, "until": until, "year": year}
        days, unsigned, first = conn.execute(DAYS, asked).fetchone() or (0, 0, None)
        if not days:
            raise NotDisclosed("there are no daily values of {year}", year=year)
        if unsigned and not marks_unsigned:
            raise NotDisclosed(
                "{unsigned} of {days} days of channels in {year} are not signed as reviewed, the first one is {first}: "
                "sign them (quantrac stages), or ask for an archive that marks them",
                unsigned=unsigned, days=days, year=year, first=first,
            )  # fmt: skip
        stations = conn.execute(NAMES, asked).fetchall()
        facts = YearFacts(year, calendar.zone.key, stations, unsigned, days)
        archive = Archive(out)
        described = [
            *_values(conn, archive, asked, [station for station, *_ in stations]),
            *(_queried(conn, archive, table, asked) for table in tables.QUERIED),
            _given(archive, tables.CHANNELS, tables.channel_rows(conn, channels)),
            _given(archive, tables.LIMITS, tables.limit_rows(limits, span.first, span.last)),
        ]
    _describe(archive, facts, described)
    archive.close()
    return facts


def _describe(archive: Archive, facts: YearFacts, described: Sequence[Described]) -> None:
    archive.add("README.vi.md", readme(facts, "vi"))
    archive.add("README.en.md", readme(facts, "en"))
    archive.add("datapackage.json", datapackage(facts, described))
    archive.add("checksums.sha256", checksums(archive.files))


def _values(conn: Connection, archive: Archive, asked: dict[str, Any], stations: Sequence[str]) -> list[Described]:
    """Write hourly and daily values of each station as CSV and, where there are some, as Parquet.

    A Parquet file without rows fails the checks of frictionless-py.
    """
    from reports.exports.parquet import write_parquet  # 24 MB that a console which makes no archive does without

    zone, described = time_zone(conn), []
    for resolution, (vi, en) in TITLES.items():
        columns = columns_of(resolution, zone)
        for station in stations:
            own = tuple(channel for channel in asked["channels"] if channel.startswith(f"{station}/"))
            selection = ExportRange(asked["after"], asked["until"], (station,), own, resolution=resolution)
            blocks = list(row_blocks(conn, selection))
            with archive.file(f"{resolution}/{station}.csv") as out:
                count = write_csv(columns, blocks, out)
            described.append(Described(archive.files[-1], f"{vi}, {station}", f"{en}, {station}", columns))
            if count:
                with archive.file(f"{resolution}/{station}.parquet") as out:
                    write_parquet(columns, zone, blocks, out)
                described.append(Described(archive.files[-1], f"{vi}, {station}", f"{en}, {station}", columns))
    return described


def _queried(conn: Connection, archive: Archive, table: Table, asked: dict[str, Any]) -> Described:
    with archive.file(f"{table.name}.csv") as out:
        tables.copy(conn, table, asked, out)
    return Described(archive.files[-1], table.vi, table.en, table.columns)


def _given(archive: Archive, table: Table, rows: Sequence[Sequence[object]]) -> Described:
    archive.add(f"{table.name}.csv", tables.as_csv(table, rows))
    return Described(archive.files[-1], table.vi, table.en, table.columns)
