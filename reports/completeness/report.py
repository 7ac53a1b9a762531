"""The completeness report of a day, a month or a year: both shares of each channel, and the causes of what lacks."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from quantrac.database.pool import Connection
from quantrac.telemetry.gaps import GapCause
from reports.completeness.days import ChannelPeriod, channel_periods, gaps, share_of, station_days
from reports.spans import ReportSpan

COLUMNS: Final = (
    "station", "channel", "period", "expected", "received", "received_percent", "counted", "valid_percent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CompletenessRow:
    """A channel in a part of the report, or in all of it."""

    station: str
    channel: str
    period: str
    """Day, month or year."""
    expected: int
    received: int
    counted: int
    lacking: Mapping[GapCause, int]
    """How many of the expected readings lack, by the causes of the gaps; they add up to expected less counted."""

    @property
    def received_share(self) -> float | None:
        """Return the share of the expected readings that came (tỉ lệ nhận dữ liệu)."""
        return share_of(self.received, self.expected)

    @property
    def valid_share(self) -> float | None:
        """Return the share of the expected readings that count (tỉ lệ dữ liệu hợp lệ)."""
        return share_of(self.counted, self.expected)


def completeness_report(
    conn: Connection, span: ReportSpan, now: datetime, stations: frozenset[str] | None = None
) -> list[CompletenessRow]:
    """Return a row for each channel: of a day or a month one, of a year one a month and one for all of it.

    Days that are not over are left out. `stations` None: all. Raises BadSpan.
    """
    found = channel_periods(conn, span.first, span.last, now, span.part, stations)
    days = station_days(conn, span.first, span.last, now, stations)
    lacking: dict[tuple[str, date], Counter[GapCause]] = defaultdict(Counter)
    for day in (day for day in days if day.counted < day.expected):
        for one in gaps(conn, day.station, day.day, now):
            lacking[one.gap.channel, span.part(day.day)][one.cause] += one.gap.readings
    rows = [_row(one, span.name_of(one.period), lacking[one.channel, one.period]) for one in found]
    return rows if rows and rows[0].period == span.name else [*with_sums(rows, span.name)]


def _row(one: ChannelPeriod, period: str, causes: Counter[GapCause]) -> CompletenessRow:
    """Return the row of a channel."""
    lacking = causes_of(max(0, one.expected - one.counted), causes)
    return CompletenessRow(one.station, one.channel, period, one.expected, one.received, one.counted, lacking)


def causes_of(lacks: int, causes: Counter[GapCause]) -> dict[GapCause, int]:
    """Return the causes of so many readings that lack, which they add up to. Pure.

    What no gap explains (readings too far apart, none of them missing) is unknown; what gaps explain beyond what lacks
    (more readings came elsewhere than were expected) is taken off the causes, the last of them first.
    """
    lacking, left = dict[GapCause, int](), lacks
    for cause in GapCause:
        readings = left if cause is GapCause.UNKNOWN else min(left, causes[cause])
        left -= readings
        if readings:
            lacking[cause] = readings
    return lacking


def with_sums(rows: Iterable[CompletenessRow], period: str) -> Iterator[CompletenessRow]:
    """Yield the rows of each channel, then their sum under the name of the whole period. Pure."""
    own: dict[str, list[CompletenessRow]] = {}
    for row in rows:
        own.setdefault(row.channel, []).append(row)
    for channel, parts in own.items():
        yield from parts
        lacking: Counter[GapCause] = Counter()
        for part in parts:
            lacking.update(part.lacking)
        yield CompletenessRow(
            station=parts[0].station,
            channel=channel,
            period=period,
            expected=sum(part.expected for part in parts),
            received=sum(part.received for part in parts),
            counted=sum(part.counted for part in parts),
            lacking={cause: lacking[cause] for cause in GapCause if lacking[cause]},
        )


def as_csv(rows: Iterable[CompletenessRow]) -> str:
    """Return the rows as CSV, with a column for each cause. Pure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"lacking_{cause}" for cause in GapCause)])
    for row in rows:
        writer.writerow([
            row.station, row.channel, row.period, row.expected, row.received, percent(row.received_share), row.counted,
            percent(row.valid_share), *(row.lacking.get(cause, 0) for cause in GapCause),
        ])  # fmt: skip
    return text.getvalue()


def percent(share: float | None, decimals: int = 2) -> str:
    """Return a share in percent, rounded down: 100.00 says that nothing lacks. Pure."""
    return "" if share is None else f"{int(share * 10 ** (decimals + 2) + 1e-6) / 10**decimals:.{decimals}f}"
