"""The routes of the read API, and its description at `/api/v1/openapi.json`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final, Literal, Protocol

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from pydantic import AwareDatetime

from dashboards.api.answers import CSV, AskedTooOften, BadQuery, answer, csv_of, wants_csv
from dashboards.api.description import answers_with, described
from dashboards.api.items import Item, columns_of
from dashboards.api.listings import (
    ALARMS,
    CHANNELS,
    COMPLETENESS,
    FILES,
    FLAGS,
    LATEST,
    STATIONS,
    ApiCollection,
    Page,
    read_page,
)
from dashboards.api.rate import RateBound
from dashboards.api.readings import ITEM, AskedReadings, Resolution, channel_of, read_readings
from quantrac.database.pool import Connection

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)
A_DAY: Final = timedelta(days=1)
A_MONTH: Final = timedelta(days=31)

Name = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
From = Annotated[AwareDatetime | None, Query(alias="from", description="exclusive, with its zone")]
Until = Annotated[AwareDatetime | None, Query(alias="to", description="inclusive, with its zone")]
Day = Annotated[date | None, Query(description="local day, inclusive")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="items of a page")]
Cursor = Annotated[str | None, Query(description="`next` of the page before", max_length=1000)]


class ApiUser(Protocol):
    """Who asks."""

    @property
    def stations(self) -> frozenset[str] | None:
        """The stations that they may read; None: all."""

    @property
    def account(self) -> str:
        """The key under which requests are counted."""


Reading = Callable[[], AbstractContextManager[Connection]]
"""Gives a connection that may only read."""


def bounded_by(may_read: Any, bound: RateBound) -> Callable[..., None]:
    """Return a dependency that lets nobody ask more often than the bound allows."""

    def bounded(by: ApiUser = may_read) -> None:
        """Raises AskedTooOften."""
        if wait_s := bound.wait_s(by.account, time.monotonic()):
            raise AskedTooOften(wait_s)

    return bounded


def _known_names(request: Request) -> None:
    """Refuse a parameter that the route does not have: a misspelt one would be left out in silence."""
    known = {each.alias for each in request.scope["route"].dependant.query_params}
    if unknown := sorted(request.query_params.keys() - known):
        raise BadQuery(f"{unknown[0]}: found a parameter that is none, expected some of {', '.join(sorted(known))}")


def add_api(app: FastAPI, read: Reading, may_read: Any, bound: RateBound, clock: Callable[[], datetime]) -> None:
    """Add the routes; `may_read` is the dependency that gives who asks (a ApiUser)."""
    bounds = [Depends(bounded_by(may_read, bound)), Depends(_known_names)]
    get = partial(app.get, dependencies=bounds)

    def page(
        request: Request, by: ApiUser, listing: ApiCollection, limit: int, cursor: str | None, asked: Mapping[str, Any]
    ) -> Response:
        with read() as conn:
            found = read_page(conn, listing, asked, by.stations, limit, cursor)
        return _answered(request, listing.item, found, {})

    @get("/api/v1/stations", responses=answers_with(STATIONS.item))
    def stations(
        request: Request, station: Name = None, limit: Limit = 1000, cursor: Cursor = None, by: ApiUser = may_read
    ) -> Response:
        """Stations in service, by name: place, whether they are heard, since when they are in service."""
        return page(request, by, STATIONS, limit, cursor, {"station": station})

    @get("/api/v1/channels", responses=answers_with(CHANNELS.item))
    def channels(
        request: Request, station: Name = None, parameter: Name = None, limit: Limit = 1000, cursor: Cursor = None,
        by: ApiUser = may_read,
    ) -> Response:  # fmt: skip
        """Channels in use: what each measures, in which unit, how often, within which span."""
        return page(request, by, CHANNELS, limit, cursor, {"station": station, "parameter": parameter})

    @get("/api/v1/latest", responses=answers_with(LATEST.item))
    def latest(
        request: Request, station: Name = None, channel: Name = None, parameter: Name = None, limit: Limit = 1000,
        cursor: Cursor = None, by: ApiUser = may_read,
    ) -> Response:  # fmt: skip
        """The newest reading of each channel, with its age."""
        asked = {"station": station, "channel": channel, "parameter": parameter}
        return page(request, by, LATEST, limit, cursor, asked)

    @get("/api/v1/readings", responses=answers_with(ITEM["raw"], ITEM["hourly"]))
    def readings(
        request: Request, channel: Annotated[str, Query(max_length=200, examples=["st-my-thanh/do"])],
        after: From = None, until: Until = None, resolution: Resolution = "raw", limit: Limit = 1000,
        cursor: Cursor = None, by: ApiUser = may_read,
    ) -> Response:  # fmt: skip
        """Readings of a channel, from < time <= to, the oldest first; without `from` those of the day before `to`.

        `raw`: as they came, `time` is the end of the slot. `hourly`, `daily`: `time` is the start of the hour or local
        day, as in the views; `end` its end. Stage: `raw`, `unreviewed` (tests have run), `reviewed` (a person signed).
        """
        low, high = _span(after, until, clock(), A_DAY)
        asked = AskedReadings(channel, low, high, resolution)
        with read() as conn:
            facts = channel_of(conn, channel, by.stations)
            found = read_readings(conn, asked, limit, cursor)
        return _answered(
            request, ITEM[resolution], found, {"channel": channel, "resolution": resolution, **facts._asdict()}
        )

    @get("/api/v1/alarms", responses=answers_with(ALARMS.item))
    def alarms(
        request: Request, station: Name = None, channel: Name = None, rule: Name = None,
        severity: Literal["low", "medium", "high", "critical"] | None = None, standing: bool | None = None,
        after: From = None, until: Until = None, limit: Limit = 100, cursor: Cursor = None, by: ApiUser = may_read,
    ) -> Response:  # fmt: skip
        """Alarms, the newest first; `standing`: only those that have not cleared, or only those that have.

        `from` and `to` bound `raised_at`.
        """
        low, high = _span(after, until, LATEST_TIME, LATEST_TIME - EARLIEST)
        asked = {
            "station": station, "channel": channel, "rule": rule, "severity": severity, "standing": standing,
            "low": low, "high": high,
        }  # fmt: skip
        return page(request, by, ALARMS, limit, cursor, asked)

    @get("/api/v1/completeness", responses=answers_with(COMPLETENESS.item))
    def completeness(
        request: Request, station: Name = None, channel: Name = None, first: Day = None, last: Day = None,
        limit: Limit = 1000, cursor: Cursor = None, by: ApiUser = may_read,
    ) -> Response:  # fmt: skip
        """Received and valid readings of each channel and local day that is over; without `first` of the last 31 days.

        The received share is `received` by `expected`, the valid share `valid` by `expected`, of any sums of rows.
        """
        end = min(last or clock().date(), date(2200, 1, 1))
        begin = first or max(end, date(1970, 2, 1)) - A_MONTH
        if not timedelta(0) <= end - begin <= timedelta(days=400):
            raise BadQuery("first, last: expected a first day not after the last one, at most 400 days")
        asked = {"station": station, "channel": channel, "first": begin, "last": end}
        return page(request, by, COMPLETENESS, limit, cursor, asked)

    @get("/api/v1/flags", responses=answers_with(FLAGS.item))
    def flags(
        request: Request, station: Name = None, channel: Name = None, test: Name = None, after: From = None,
        until: Until = None, limit: Limit = 1000, cursor: Cursor = None, by: ApiUser = may_read,
    ) -> Response:  # fmt: skip
        """Findings of tests and verdicts of people about readings, from < time <= to; without `from` of a day."""
        low, high = _span(after, until, clock(), A_DAY)
        asked = {"station": station, "channel": channel, "test": test, "low": low, "high": high}
        return page(request, by, FLAGS, limit, cursor, asked)

    @get("/api/v1/files", responses=answers_with(FILES.item))
    def files(
        request: Request, station: Name = None, status: Name = None, after: From = None, until: Until = None,
        limit: Limit = 1000, cursor: Cursor = None, by: ApiUser = may_read,
    ) -> Response:  # fmt: skip
        """Files for the ministry and their fate, from < time <= to; without `from` those of a day."""
        low, high = _span(after, until, clock(), A_DAY)
        asked = {"station": station, "status": status, "low": low, "high": high}
        return page(request, by, FILES, limit, cursor, asked)

    description = described([route for route in app.routes if getattr(route, "path", "").startswith("/api/v1/")])

    @app.get("/api/v1/openapi.json", include_in_schema=False)
    def openapi(request: Request) -> Response:
        """What the API has, as OpenAPI 3.1."""
        return answer(request, description, "application/json")


def _span(
    after: datetime | None, until: datetime | None, now: datetime, length: timedelta
) -> tuple[datetime, datetime]:
    """Return the times between which is asked for. Raises BadQuery."""
    high = min(max(until or now, EARLIEST), LATEST_TIME).astimezone(UTC)
    low = max(high - length, EARLIEST) if after is None else min(max(after, EARLIEST), LATEST_TIME).astimezone(UTC)
    if low > high:
        raise BadQuery(f"from: found {low.isoformat()}, expected a time not after `to`, {high.isoformat()}")
    return low, high


def _answered(request: Request, item: Item, page: Page, facts: Mapping[str, Any]) -> Response:
    """Return a page as JSON, or as CSV where a program asks for it; the link leads to the next one."""
    following = None if page.cursor is None else str(request.url.include_query_params(cursor=page.cursor))
    headers = {} if following is None else {"Link": f'<{following}>; rel="next"'}
    if wants_csv(request):
        columns: Sequence[str] = columns_of(item)
        return answer(request, csv_of(columns, map(msgspec.structs.astuple, page.items)), CSV, headers)
    body = msgspec.json.encode({**facts, "items": page.items, "next": following})
    return answer(request, body, "application/json", headers)
