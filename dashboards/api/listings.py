"""Reads pages of the collections, each behind the key of the last item before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from dashboards.api.cursors import Key, cursor_of, key_of
from dashboards.api.items import (
    AlarmItem,
    ChannelItem,
    CompletenessItem,
    FileItem,
    FlagItem,
    Item,
    LatestItem,
    StationItem,
    columns_of,
)
from quantrac.database.pool import Connection

FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)


class ApiCollection(NamedTuple):
    """A collection: what its items are, by which fields it is ordered, and the statement of a page."""

    item: Item
    key: tuple[str, ...]
    kinds: tuple[type[Key], ...]
    begin: tuple[Key, ...]
    """A key before all others, in the collection's own order."""
    sql: str


def _columns(item: Item, own: Mapping[str, str]) -> str:
    """Return the columns of an item, those of another name or make as `own` has them."""
    return ", ".join(own.get(name, f'v."{name}"') for name in columns_of(item))


def _asked(*names: str) -> str:
    """Return the conditions of filters that may be left out, and of the stations that whoever asks may read."""
    given = (f'and (%({name})s::text is null or v."{name}" = %({name})s)' for name in names)
    return " ".join(["(%(within)s::text[] is null or v.station = any(%(within)s))", *given])


DAY_OF: Final = (
    """date_trunc('day', ({} - interval '1 microsecond') at time zone n.time_zone) at time zone n.time_zone"""
)
"""Local midnight before a reading."""
STAGE: Final = f"""
cross join (select time_zone from network) n
left join lateral (
  select stage from v_stage where channel = v.channel and "time" = {DAY_OF.format("v.time")} limit 1) g on true
"""
"""Of each item alone: joined to the view as a whole, every day of the network was judged for it."""

# Fragments of ours, no text of anybody's.
STATIONS: Final = ApiCollection(
    StationItem, ("station",), (str,), ("",),
    f"""select {_columns(StationItem, {})} from v_station v
    where {_asked("station")} and v.station > %(k0)s order by v.station limit %(limit)s""",
)  # fmt: skip
CHANNELS: Final = ApiCollection(
    ChannelItem, ("channel",), (str,), ("",),
    f"""select {_columns(ChannelItem, {})} from v_channel v
    where {_asked("station", "parameter")} and v.channel > %(k0)s order by v.channel limit %(limit)s""",
)  # fmt: skip
LATEST: Final = ApiCollection(
    LatestItem, ("channel",), (str,), ("",),
    f"""select {_columns(LatestItem, {"stage": "coalesce(g.stage, 'raw')"})}
    from (select * from v_latest v where {_asked("station", "channel", "parameter")} and v.channel > %(k0)s
          order by v.channel limit %(limit)s) v {STAGE} order by v.channel""",
)  # fmt: skip
ALARMS: Final = ApiCollection(
    AlarmItem, ("alarm_id",), (int,), (2**62,),
    f"""select {_columns(AlarmItem, {"title": "v.texts->'title'->>'vi'", "title_en": "v.texts->'title'->>'en'"})}
    from v_alarm v where {_asked("station", "channel", "rule", "severity")}
      and (%(standing)s::boolean is null or (v.cleared_at is null) = %(standing)s)
      and v.raised_at > %(low)s and v.raised_at <= %(high)s
      and v.alarm_id < %(k0)s order by v.alarm_id desc limit %(limit)s""",
)  # fmt: skip
COMPLETENESS: Final = ApiCollection(
    CompletenessItem, ("day", "channel"), (date, str), (date.min, ""),
    f"""select {_columns(CompletenessItem, {})} from v_completeness v
    where {_asked("station", "channel")} and v.day >= %(first)s and v.day <= %(last)s
      and (v.day, v.channel) > (%(k0)s, %(k1)s) order by v.day, v.channel limit %(limit)s""",
)  # fmt: skip
FLAGS: Final = ApiCollection(
    FlagItem, ("flag_id",), (int,), (-1,),
    f"""select {_columns(FlagItem, {"by_person": "v.test is null"})} from v_flag v
    where {_asked("station", "channel", "test")} and v.time > %(low)s and v.time <= %(high)s
      and v.flag_id > %(k0)s order by v.flag_id limit %(limit)s""",
)  # fmt: skip
FILES: Final = ApiCollection(
    FileItem, ("time", "station"), (datetime, str), (FIRST, ""),
    f"""select {_columns(FileItem, {})} from v_ministry_file v
    where {_asked("station", "status")} and v.time > %(low)s and v.time <= %(high)s
      and (v.time, v.station) > (%(k0)s, %(k1)s) order by v.time, v.station limit %(limit)s""",
)  # fmt: skip


class Page(NamedTuple):
    """Some items, and the cursor behind which the next ones are; None: there are none."""

    items: list[Any]
    cursor: str | None


def read_page(
    conn: Connection, listing: ApiCollection, asked: Mapping[str, Any], stations: frozenset[str] | None, limit: int,
    cursor: str | None,
) -> Page:  # fmt: skip
    """Return a page; `stations`: those that whoever asks may read, None: all. Raises BadCursor."""
    key: Sequence[Key] = listing.begin if cursor is None else key_of(cursor, listing.kinds)
    values = {
        **asked, **{f"k{number}": part for number, part in enumerate(key)},
        "within": None if stations is None else sorted(stations), "limit": limit + 1,
    }  # fmt: skip
    items = [listing.item(*row) for row in conn.execute(listing.sql, values)]
    return page_of(items, limit, listing.key)


def page_of(items: list[Any], limit: int, key: Sequence[str]) -> Page:
    """Return at most `limit` of the items, and a cursor where there are more. Pure."""
    if len(items) <= limit:
        return Page(items, None)
    last = items[limit - 1]
    return Page(items[:limit], cursor_of([getattr(last, name) for name in key]))
