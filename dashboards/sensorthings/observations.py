"""Reads observations: channel by channel, and of a channel in stretches of so many readings as may be enough.

A view of all readings would be sorted whole before its first row came; the readings of a stretch are judged at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from psycopg.rows import dict_row

from dashboards.sensorthings.compiler import Compiler
from dashboards.sensorthings.model import ENTITIES, OBSERVATIONS, PAGE_OF_READINGS
from dashboards.sensorthings.options import BadOption, QueryOptions
from dashboards.sensorthings.syntax import Application, Literal, Node, Path
from quantrac.database.pool import Connection

Row = Mapping[str, Any]
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
INSTANT: Final = timedelta(microseconds=1)
OF_ALL: Final = OBSERVATIONS.format(readings=PAGE_OF_READINGS)
MOST_STRETCH: Final = 100_000
"""Readings that are judged at once."""
TIMES: Final = ("phenomenonTime", "resultTime")
_ID: Final = re.compile(r"([^:]+:[^:]+):(-?\d{1,17})")

CHANNELS: Final = """
select replace(c.channel, '/', ':'), c.channel from v_channel c
where (%(within)s::text[] is null or c.station = any(%(within)s))
  and (%(station)s::text is null or c.station = %(station)s)
  and (%(datastream)s::text is null or replace(c.channel, '/', ':') = %(datastream)s)
order by 1
"""
EDGE: Final = "select reading_time_at(%(channel)s, %(low)s, %(high)s, %(number)s, %(newest_first)s)"
COUNT: Final = "select reading_count(%(channel)s, %(low)s, %(high)s)"
STAGES: Final = """
select o.time, coalesce(g.stage, 'raw') from unnest(%(times)s::timestamptz[]) o (time)
cross join (select time_zone from network) n
left join lateral (
  select stage from v_stage g where g.channel = %(channel)s
    and g."time"
      = date_trunc('day', (o.time - interval '1 microsecond') at time zone n.time_zone) at time zone n.time_zone
) g on true
"""


class AskedObservations(NamedTuple):
    """Of which observations a page is."""

    values: Mapping[str, Any]
    """What the relations need."""
    link: Mapping[str, str]
    """`id`, `datastream` or `station` that all of them have; empty: those of all channels."""
    options: QueryOptions
    check_time: Callable[[], None]
    """Called before each statement; raises BadOption where the request has read for too long."""


class _Stretch(NamedTuple):
    low: datetime
    high: datetime


class _Plan(NamedTuple):
    """How the observations of each channel are read."""

    where: str
    values: dict[str, Any]
    order: str
    keys: str
    """What they are ordered by, as columns `key_0`, `key_1` and so on."""
    newest_first: bool
    is_by_time: bool
    """They are ordered by time and nothing else, so that a stretch at an end is enough."""
    stretch: _Stretch


def read_observations(conn: Connection, asked: AskedObservations) -> list[Row]:
    """Return the rows of a page, one more where there are more. Raises BadOption, BadExpression."""
    plan, options = _plan(asked), asked.options
    channels = _channels(conn, asked)
    needed = options.skip + options.top + 1
    rows = list[Row]()
    for datastream, channel in channels:
        rows += _of_channel(conn, asked, plan, datastream, channel, needed)
        if not options.order and len(rows) >= needed:
            break  # those of later Datastreams come behind
        if len(channels) > 1 and options.order:
            _sort(rows, plan, [descends for _, descends in options.order])
            del rows[needed:]
    return _with_stages(conn, rows[options.skip : needed])


def _sort(rows: list[Row], plan: _Plan, descending: Sequence[bool]) -> None:
    """Order rows of several Datastreams as the server orders those of one: what is missing last."""
    rows.sort(key=lambda row: (row["time"], row["datastream"]), reverse=plan.newest_first)
    for number, descends in reversed(list(enumerate(descending))):
        rows.sort(key=partial(_sort_key, f"key_{number}", descends), reverse=descends)


def _sort_key(column: str, descends: bool, row: Row) -> tuple[bool, Any]:
    is_missing = row[column] is None
    return is_missing != descends, 0 if is_missing else row[column]


def count_observations(conn: Connection, asked: AskedObservations) -> int:
    """Return how many observations there are, whatever the page. Raises BadExpression."""
    plan, found = _plan(asked._replace(options=_without_token(asked.options))), 0
    for datastream, channel in _channels(conn, asked):
        asked.check_time()
        span = {"channel": channel, "low": plan.stretch.low, "high": plan.stretch.high}
        if asked.options.filter is None and "id" not in asked.link:
            sql, values = COUNT, span
        else:
            sql = f"select count(*) from ({OF_ALL}) e where {plan.where}"  # noqa: S608  # the model's own text
            values = {**asked.values, **plan.values, **span, "datastream": datastream}
        found += (conn.execute(sql, values).fetchone() or (0,))[0]
    return found


def is_by_time(options: QueryOptions) -> bool:
    """Whether observations are ordered by time and nothing before it. Pure."""
    if not options.order:
        return True
    first = options.order[0][0]
    return isinstance(first, Path) and len(first.parts) == 1 and first.parts[0] in TIMES


def token_of(row: Row) -> str:
    """Return behind which observation of a Datastream the next page begins."""
    return str(row["id"]).rpartition(":")[2]


def _without_token(options: QueryOptions) -> QueryOptions:
    return QueryOptions(filter=options.filter, order=options.order)


def _channels(conn: Connection, asked: AskedObservations) -> list[tuple[str, str]]:
    datastream = asked.link.get("datastream")
    if (known := asked.link.get("id")) is not None:
        found = _ID.fullmatch(known)
        if found is None or datastream not in (None, found[1]):
            return []
        datastream = found[1]
    values = {**asked.values, "station": asked.link.get("station"), "datastream": datastream}
    return [(name, channel) for name, channel in conn.execute(CHANNELS, values)]


def _plan(asked: AskedObservations) -> _Plan:
    options, entity = asked.options, ENTITIES["Observations"]
    compiler = Compiler(entity)
    order = [compiler.ordering(node, descends=descends) for node, descends in options.order]
    keys = [f", {compiler.sort_key(node)} as key_{number}" for number, (node, _) in enumerate(options.order)]
    if compiler.joins:
        raise BadOption("$orderby: found a property of another entity, expected one of the Observations")
    conditions = ["e.datastream = %(datastream)s"]
    if options.filter is not None:
        conditions.append(compiler.condition(options.filter))
    newest_first = is_by_time(options) and bool(options.order) and options.order[0][1]
    stretch = _narrowed(options.filter, _Stretch(EARLIEST, LATEST))
    if (known := asked.link.get("id")) is not None:
        stretch = _of_id(known, stretch)
    if options.token is not None:
        stretch = _behind(options.token, stretch, newest_first=newest_first)
    order.append(f"e.time {'desc' if newest_first else 'asc'}")
    return _Plan(
        " and ".join(conditions),
        compiler.values,
        ", ".join(order),
        "".join(keys),
        newest_first,
        is_by_time(options),
        stretch,
    )  # fmt: skip


def _of_id(known: str, stretch: _Stretch) -> _Stretch:
    found = _ID.fullmatch(known)
    at = _time(found[2]) if found is not None else EARLIEST
    return _Stretch(max(stretch.low, at - INSTANT), min(stretch.high, at))


def _behind(token: str, stretch: _Stretch, *, newest_first: bool) -> _Stretch:
    if re.fullmatch(r"-?\d{1,17}", token) is None:
        raise BadOption("$skiptoken: found one that this service did not give, expected @iot.nextLink as it is")
    at = _time(token)
    if newest_first:
        return _Stretch(stretch.low, min(stretch.high, at - INSTANT))
    return _Stretch(max(stretch.low, at), stretch.high)


def _time(microseconds: str) -> datetime:
    return min(max(EARLIEST + timedelta(microseconds=int(microseconds)), EARLIEST + INSTANT), LATEST)


def _narrowed(node: Node | None, stretch: _Stretch) -> _Stretch:
    """Return the stretch outside which a filter lets nothing pass, as far as its comparisons with times say so."""
    if not isinstance(node, Application):
        return stretch
    if node.name == "and":
        return _narrowed(node.arguments[1], _narrowed(node.arguments[0], stretch))
    if node.name not in _SWAPPED:
        return stretch
    left, right, name = node.arguments[0], node.arguments[1], node.name
    if isinstance(left, Literal):
        left, right, name = right, left, _SWAPPED[name]
    is_time = isinstance(left, Path) and len(left.parts) == 1 and left.parts[0] in TIMES
    if not is_time or not isinstance(right, Literal) or not isinstance(right.value, datetime):
        return stretch
    at = min(max(right.value, EARLIEST + INSTANT), LATEST)
    low, high = stretch
    if name in ("gt", "ge", "eq"):
        low = max(low, at - INSTANT)
    if name in ("lt", "le", "eq"):
        high = min(high, at)
    return _Stretch(low, high)


_SWAPPED: Final = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge", "eq": "eq"}


def _of_channel(
    conn: Connection, asked: AskedObservations, plan: _Plan, datastream: str, channel: str, needed: int
) -> Iterator[Row]:
    """Yield rows of a channel until there are enough, in stretches that grow while a filter lets little pass."""
    sql = (
        f"select e.*{plan.keys} from ({OF_ALL}) e where {plan.where} "  # noqa: S608  # the model's own text
        f"order by {plan.order} limit %(needed)s"
    )
    low, high = plan.stretch
    number, found = needed, 0
    while low < high and found < needed:
        asked.check_time()
        part, edge = _Stretch(low, high), None
        if plan.is_by_time:
            asked_edge = {
                "channel": channel, "low": low, "high": high, "number": number, "newest_first": plan.newest_first,
            }  # fmt: skip
            edge = (conn.execute(EDGE, asked_edge).fetchone() or (None,))[0]
        if edge is not None:
            part = _Stretch(edge - INSTANT, high) if plan.newest_first else _Stretch(low, edge)
        values = {
            **asked.values, **plan.values, "datastream": datastream, "needed": needed - found, "low": part.low,
            "high": part.high,
        }  # fmt: skip
        with conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(sql, values).fetchall()
        yield from rows
        found += len(rows)
        if edge is None:
            return
        low, high = (low, part.low) if plan.newest_first else (part.high, high)
        number = min(number * 4, MOST_STRETCH)


def _with_stages(conn: Connection, rows: Sequence[Row]) -> list[Row]:
    stages: dict[tuple[str, datetime], str] = {}
    for channel in {row["datastream"] for row in rows}:
        times = [row["time"] for row in rows if row["datastream"] == channel]
        found = conn.execute(STAGES, {"channel": channel.replace(":", "/", 1), "times": times})
        stages |= {(channel, time): stage for time, stage in found}
    return [{**row, "stage": stages[row["datastream"], row["time"]]} for row in rows]
