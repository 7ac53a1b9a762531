"""The desk of exports: readings as CSV or Excel, with units, both time zones, state and quality.

Data path: one server-side cursor over `v_reading` → frames of 20,000 rows → file. Memory does not grow with the export.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Final, Literal

import pandas as pd
from openpyxl import Workbook

from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.errors import QuantracError

Format = Literal["csv", "xlsx"]
XLSX_ROWS: Final = 1_048_575
"""Rows a sheet holds below its head (Microsoft: 1,048,576 rows a worksheet)."""
FRAME_ROWS: Final = 20_000
COLUMNS: Final = (
    "time_utc", "station", "channel", "parameter", "value", "unit", "raw_value", "state", "quality", "tests", "late",
    "received_at_utc",
)  # fmt: skip
"""Behind the first one stands the local time, under the name of its zone: `time_asia_ho_chi_minh`."""

WHERE = """
from v_reading
where time > %(after)s and time <= %(until)s
  and (%(stations)s::text[] is null or station = any(%(stations)s))
  and (%(channels)s::text[] is null or channel = any(%(channels)s))
"""
READ = f"""
select time, station, channel, parameter, value, unit, raw_value, state, quality, tests, late, received_at
{WHERE} order by channel, time
"""  # both parts are constants
READ_AS_OF = """
select r.time, c.station, c.channel, c.parameter, r.value, c.unit, r.raw_value, r.state, r.quality, r.tests,
       r.received_at - r.time > greatest(interval '15 minutes', 3 * c.interval_s * interval '1 second') as late,
       r.received_at
from channel c cross join lateral readings_as_of(c.channel_id, %(after)s, %(until)s, %(as_of)s) r
where not c.derived and (%(stations)s::text[] is null or c.station = any(%(stations)s))
  and (%(channels)s::text[] is null or c.channel = any(%(channels)s))
order by c.channel, r.time
"""
COUNT = f"select count(*) from (select {WHERE} limit %(limit)s) counted"  # noqa: S608


@dataclass(frozen=True, slots=True)
class ReadingRange:
    """Which readings: after < time <= until (a reading bears the end of its slot); no name means all."""

    after: datetime
    until: datetime
    stations: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    as_of: datetime | None = None
    """As they were shown at this earlier moment, derived channels left out; None: now."""

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the statements above."""
        return {
            "after": self.after,
            "until": self.until,
            "as_of": self.as_of,
            "stations": list(self.stations) or None,
            "channels": list(self.channels) or None,
        }


class UnknownName(QuantracError):
    """A station or channel that the database does not know."""

    exit_code = 2


class TooLargeForExcel(QuantracError):
    """More rows than a sheet of Excel can hold."""


def export_readings(conn: Connection, selection: ReadingRange, file_format: Format, out: IO[bytes]) -> int:
    """Write the readings of a selection, by channel and time, and return their number.

    Raises UnknownName before anything is written, TooLargeForExcel for more than 1,048,575 rows as xlsx.
    """
    _known(conn, "station", selection.stations)
    _known(conn, "channel", selection.channels)
    if file_format == "xlsx":
        _fits(conn, selection)
    with closing(frames(conn, selection)) as parts:  # ends the transaction also when the pipe is gone
        return _write_csv(parts, out) if file_format == "csv" else _write_xlsx(parts, out)


def frames(conn: Connection, selection: ReadingRange) -> Generator[pd.DataFrame]:
    """Yield the readings as frames with COLUMNS and the local time, the first one also where there are none.

    Times are aware.
    """
    zone = time_zone(conn)
    local = f"time_{zone.key.lower().replace('/', '_').replace('-', '_')}"
    with conn.transaction(), conn.cursor(name="export") as cursor:
        cursor.itersize = FRAME_ROWS
        cursor.execute(READ if selection.as_of is None else READ_AS_OF, selection.parameters())
        rows = cursor.fetchmany(FRAME_ROWS)
        while True:
            frame = pd.DataFrame(rows, columns=list(COLUMNS))
            frame["time_utc"] = pd.to_datetime(frame["time_utc"], utc=True)
            frame["received_at_utc"] = pd.to_datetime(frame["received_at_utc"], utc=True)
            frame.insert(1, local, frame["time_utc"].dt.tz_convert(zone))
            yield frame.astype({"value": "float64", "raw_value": "float64", "quality": "int16"})
            rows = cursor.fetchmany(FRAME_ROWS)
            if not rows:
                return


def _write_csv(parts: Iterator[pd.DataFrame], out: IO[bytes]) -> int:
    count = 0
    for number, frame in enumerate(parts):
        for column in _times(frame):
            frame[column] = frame[column].map(lambda time: time.isoformat(timespec="milliseconds"))
        frame.to_csv(out, index=False, header=number == 0)
        count += len(frame)
    return count


def _write_xlsx(parts: Iterator[pd.DataFrame], out: IO[bytes]) -> int:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("readings")
    sheet.freeze_panes = "A2"
    count = 0
    for number, frame in enumerate(parts):
        if number == 0:
            sheet.append(list(frame.columns))
        for column in _times(frame):  # a cell of Excel knows no time zone: the head of the column says it
            frame[column] = frame[column].dt.tz_localize(None)
        for row in frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None):
            sheet.append(row)
        count += len(frame)
    book.save(out)
    return count


def _times(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name.startswith("time_") or name == "received_at_utc"]


def _fits(conn: Connection, selection: ReadingRange) -> None:
    found = conn.execute(COUNT, {**selection.parameters(), "limit": XLSX_ROWS + 1}).fetchone()
    if found is not None and found[0] > XLSX_ROWS:
        raise TooLargeForExcel(
            f"the selection has more than {XLSX_ROWS:,} readings, which is all a sheet of Excel holds; "
            "choose a shorter time, fewer channels, or --format csv"
        )


def _known(conn: Connection, word: str, names: tuple[str, ...]) -> None:
    allowed = {name for (name,) in conn.execute(f"select {word} from {word}")}  # noqa: S608  # two constants
    unknown = sorted(set(names) - allowed)
    if unknown:
        raise UnknownName(f"unknown {word} {', '.join(unknown)}; known: {', '.join(sorted(allowed)) or 'none'}")
