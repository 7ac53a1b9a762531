"""Books the reports of stations: births, statuses and last wills."""

from __future__ import annotations

from collections.abc import Iterable

from ingest.books.arrivals import moment
from ingest.books.report import StationReport, newest
from quantrac.database.pool import Connection

REPORT = """
insert into ledger as l (station, epoch, first, last, refused_reported, reported_at, last_seen_at, lost)
values (%(station)s, %(epoch)s, %(first)s, %(last)s, %(refused)s::int8multirange, %(at)s, %(seen)s,
        int8multirange(int8range(1, greatest(%(first)s, 1))) - %(refused)s::int8multirange)
on conflict (station, epoch) do update set
  first = excluded.first, last = excluded.last, refused_reported = excluded.refused_reported,
  reported_at = excluded.reported_at, last_seen_at = greatest(l.last_seen_at, excluded.last_seen_at),
  lost = l.lost + excluded.lost - l.stored - l.dead - excluded.refused_reported
where l.reported_at is null or l.reported_at <= excluded.reported_at
"""
ONLINE = """
update station set status_online = %(online)s, status_at = %(at)s,
  config_reported = coalesce(%(config)s, config_reported)
where station = %(station)s and (status_at is null or status_at <= %(at)s)
"""


def store(conn: Connection, reports: Iterable[StationReport]) -> None:
    """Write what stations said last into the books and the stations, in the order in which they said it."""
    for report in newest(reports):
        at = moment(report.said_us)
        seen = at if report.lives else None
        for epoch, held in sorted(report.epochs.items()):
            refused = "{" + ",".join(f"[{low},{high}]" for low, high in held.refused_ranges) + "}"
            book = {"station": report.station, "epoch": epoch, "first": held.first, "last": held.last}
            conn.execute(REPORT, {**book, "refused": refused, "at": at, "seen": seen})
        said = {"station": report.station, "online": report.online, "config": report.config, "at": at}
        conn.execute(ONLINE, said)
