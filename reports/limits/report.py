"""The report of exceedances: each channel of a day, month or year against the limits of a decree."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from quantrac.config.limits import Averaging, DecreeLimit, averaging_of
from quantrac.config.network import Network
from quantrac.config.stations import Channel, Station
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.local_time import HOUR, INSTANT, Calendar
from quantrac.telemetry.parameters import CATALOGUE
from reports.limits.exceedances import Exceedance, exceedances, mean_of_year
from reports.spans import ReportSpan

HOURS: Final = """
select time + interval '1 hour', value from v_hourly
where channel = %(channel)s and time >= %(low)s and time < %(high)s and valid and value is not null order by time
"""
COLUMNS: Final = (
    "station", "channel", "decree", "article", "case", "average", "low", "high", "unit", "confirmed", "values",
    "exceeded", "worst", "worst_at",
)  # fmt: skip


class NoSuchLimit(TranslatableError):
    """The files have no decree or limit of this name."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class ChannelExceedance:
    """A channel against one limit."""

    station: str
    channel: str
    found: Exceedance


def chosen(network: Network, name: str) -> dict[str, tuple[DecreeLimit, ...]]:
    """Return the limits of a decree (`qcvn-05-2023`), or one of them by its name. Raises NoSuchLimit. Pure."""
    limits = {full: versions for full, versions in network.limits.items() if name in (full, full.partition("/")[0])}
    if not limits:
        known = ", ".join(sorted({full.partition("/")[0] for full in network.limits})) or "none"
        raise NoSuchLimit("found no limits {name}; there are: {known}", name=name, known=known)
    return limits


def exceedance_report(
    conn: Connection,
    network: Network,
    name: str,
    span: ReportSpan,
    now: datetime,
    stations: frozenset[str] | None = None,
) -> list[ChannelExceedance]:
    """Return each channel that limits speak of, and how often they were exceeded, by the valid hours of the span.

    A limit of means is held against the channel with such means; one of single values against hourly means; one of a
    year that is over against the mean of its hours, where enough of them are valid. `stations` None: all.
    Raises NoSuchLimit.
    """
    limits, calendar = chosen(network, name), Calendar(network.zone)
    low, high = calendar.midnight(span.first), calendar.day_end(calendar.midnight(span.last) + INSTANT)
    rows = []
    for station in network.stations.values():
        if stations is not None and station.station not in stations:
            continue
        for versions in limits.values():
            for channel in _channels(station, versions[0]):
                full = f"{station.station}/{channel.name}"
                series = _series(conn, full, low, min(high, now))
                if versions[0].average is Averaging.YEAR:
                    hours, share = round((high - low) / HOUR), network.settings.rollups.valid_share
                    is_over = span.word == "year" and high <= now
                    series = iter(mean_of_year(series, high, hours, share) if is_over else [])
                found = exceedances(versions, series, calendar)
                rows += [ChannelExceedance(station.station, full, one) for one in found]
    return rows


def _channels(station: Station, limit: DecreeLimit) -> Iterator[Channel]:
    """Yield the channels of a station that a limit speaks of."""
    wanted = Averaging.VALUE if limit.average is Averaging.YEAR else limit.average
    for channel in station.all_channels():
        is_series = wanted is not Averaging.VALUE or channel.statistic is None
        if channel.parameter == limit.parameter and is_series and averaging_of(channel) is wanted:
            yield channel


def _series(conn: Connection, channel: str, low: datetime, high: datetime) -> Iterator[tuple[datetime, float]]:
    yield from conn.execute(HOURS, {"channel": channel, "low": low, "high": high})


def as_lines(rows: Iterable[ChannelExceedance], calendar: Calendar) -> Iterator[str]:
    """Yield a line for each row, for people at a terminal. Pure."""
    for row in rows:
        one = row.found
        worst = ""
        if one.worst is not None and one.worst_at is not None:
            worst = f"; worst {one.worst:.6g} at {one.worst_at.astimezone(calendar.zone):%Y-%m-%d %H:%M}"
        yield f"{row.channel:<32}  {one.exceeded:>5} of {one.values:>5} values{worst}  [{words_of(one.limit)}]"


def words_of(limit: DecreeLimit) -> str:
    """Return a limit in words: bounds, decree, article, case, and that it is unconfirmed where it is. Pure."""
    unit = CATALOGUE[limit.parameter].label
    bounds = " to ".join(f"{bound:g}" for bound in (limit.low, limit.high) if bound is not None)
    side = "" if limit.low is not None and limit.high is not None else "at least " if limit.high is None else "at most "
    unconfirmed = "" if limit.confirmed else ", UNCONFIRMED"
    return f"{f'{side}{bounds} {unit}'.rstrip()}: {limit.decree}, {limit.article.en}, {limit.title.en}{unconfirmed}"


def as_csv(rows: Iterable[ChannelExceedance]) -> str:
    """Return the rows as CSV, times in UTC. Pure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        one, limit = row.found, row.found.limit
        writer.writerow([
            row.station, row.channel, limit.decree, limit.article.en, limit.case, limit.average, limit.low, limit.high,
            CATALOGUE[limit.parameter].unit, "yes" if limit.confirmed else "no", one.values, one.exceeded, one.worst,
            None if one.worst_at is None else one.worst_at.isoformat(),
        ])  # fmt: skip
    return text.getvalue()
