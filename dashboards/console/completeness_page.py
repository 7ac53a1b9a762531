"""The pages of completeness: a heat map of stations and days, a station's month by channel, a day with its gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from fastapi.templating import Jinja2Templates

from dashboards.api.answers import CSV
from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.sheet import Day, Month, channel_titles, month_of, sheet, stations_of
from dashboards.console.texts import Language
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.gaps import ExplainedGap
from reports.completeness.days import (
    ChannelDay,
    StationDay,
    channel_days,
    channel_periods,
    gaps,
    kept_causes,
    share_of,
    station_days,
)
from reports.completeness.report import as_csv, completeness_report, percent
from reports.spans import BadSpan, ReportSpan

LONGEST_OF_ALL: Final = timedelta(days=31)
"""Of all stations; of one as long as the desk allows."""
AT_ONCE: Final = 28
"""Rows of the map that come with the page, more than a screen has; those below are asked for once it was painted."""
DEPTHS: Final = ((0.995, "whole"), (0.9, "most"), (0.75, "valid"), (1e-9, "poor"))
BEGUN: Final = """
select s.in_service, (
  select min((select r.time from reading r where r.channel_id = c.channel_id order by r.time limit 1))
  from channel c where c.station = s.station and not c.derived)
from station s where s.station = %(station)s
"""
"""Since when a station is in service, and the time of its first reading."""
StationName = Annotated[str | None, Query(pattern="^[a-z0-9-]+$", max_length=200)]


def add_completeness_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the pages and their data to the application."""

    @app.get("/completeness", response_class=HTMLResponse)
    def show_completeness(
        request: Request, month: Month = "", lang: Language = "vi", below: bool = False,
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:  # fmt: skip
        """A month: a row a station, a square a day; or the rows below the first ones alone."""
        now = console.clock()
        with console.long_read() as conn:
            context = sheet(conn, request, by, lang, {"month": month})
            first, last = month_of(month, now.astimezone(context["zone"]).date())
            found = station_days(conn, first, last, now, by.stations)
            days = [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]
            stations = list(stations_of(conn, by, lang).items())
            shown = dict(stations[AT_ONCE:] if below else stations[:AT_ONCE])
            context |= {"first": first, "more": len(stations) > AT_ONCE} | heat_map(shown, days, found, lang)
        template = "completeness_rows.html" if below else "completeness.html"
        return templates.TemplateResponse(request, template, context)

    @app.get("/stations/{station}/completeness", response_class=HTMLResponse)
    def show_month(
        request: Request, station: str, month: Month = "", lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:  # fmt: skip
        """A station's month: both shares of each channel, and why readings lack."""
        now = console.clock()
        with console.long_read() as conn:
            context = sheet(conn, request, by, lang, {"month": month})
            today = now.astimezone(context["zone"]).date()
            first, last = month_of(month, today)
            since, begun = conn.execute(BEGUN, {"station": station}).fetchone() or (None, None)
            rows = channel_periods(conn, first, last, now, lambda _: first, frozenset({station}))
            context |= {
                "station": station, "station_name": stations_of(conn, by, lang).get(station, station), "first": first,
                "rows": rows, "titled": channel_titles(conn, station, lang), "depth": depth, "share": share_of,
                "percent": percent, "since": since, "begun": begun,
                "is_before": since is not None and (begun is None or begun.astimezone(context["zone"]).date() > first),
                "causes": kept_causes(conn, station, first, min(last, today - timedelta(days=1))),
            }  # fmt: skip
        return templates.TemplateResponse(request, "completeness_month.html", context)

    @app.get("/stations/{station}/completeness.csv")
    def month_as_csv(
        request: Request,
        station: str,
        month: Annotated[str, Query(pattern="^(19[7-9]|20[0-9])[0-9]-(0[1-9]|1[0-2])$")],
        by: Visitor = Depends(Gate(console, DeskAct.READ)),  # noqa: ARG001
    ) -> Response:
        """The same with what lacks by cause, as `quantrac report completeness --month --csv` has it."""
        headers, media_type = {"Content-Disposition": f'attachment; filename="completeness-{month}.csv"'}, CSV
        if request.method == "HEAD":  # what it would say takes seconds to find
            return StreamingResponse(iter(()), media_type=media_type, headers=headers)
        with console.long_read() as conn:
            rows = completeness_report(conn, ReportSpan.of(month), console.clock(), frozenset({station}))
        return Response(as_csv(rows), media_type=media_type, headers=headers)

    @app.get("/stations/{station}/gaps", response_class=HTMLResponse)
    def show_gaps(
        request: Request, station: str, day: Day, lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:  # fmt: skip
        """A station's day: each channel's share, each gap and its cause."""
        with console.pool.connection() as conn:
            context = sheet(conn, request, by, lang, {"day": day.isoformat()})
            channels = channel_days(conn, station, day)
            found = gaps(conn, station, day, console.clock())
            context |= {
                "station": station, "station_name": stations_of(conn, by, lang).get(station, station), "day": day,
                "channels": channels, "gaps": together(found), "titled": channel_titles(conn, station, lang),
                "depth": depth, "share": _share_of, "percent": percent, "clock": clock_of,
            }  # fmt: skip
        return templates.TemplateResponse(request, "gaps.html", context)

    @app.get("/api/completeness")
    def completeness_data(
        first: Day, last: Day, station: StationName = None, by: Visitor = Depends(Gate(console, DeskAct.READ))
    ) -> Response:
        """Completeness by station and day, as `quantrac report completeness --json` has it; of all a month at most."""
        if station is None and last - first >= LONGEST_OF_ALL:
            raise BadSpan("of all stations at most {days} days; name one with station=", days=LONGEST_OF_ALL.days)
        within = by.stations
        if station is not None:
            within = frozenset({station}) if within is None else within & {station}
        with console.long_read() as conn:
            found = station_days(conn, first, last, console.clock(), within)
        return Response(msgspec.json.encode(found), media_type="application/json")

    @app.get("/api/stations/{station}/gaps")
    def gaps_data(
        station: str,
        day: Day,
        by: Visitor = Depends(Gate(console, DeskAct.READ)),  # noqa: ARG001
    ) -> Response:
        """The gaps of a day with their causes, as `quantrac report gaps --json` has them."""
        with console.pool.connection() as conn:
            found = gaps(conn, station, day, console.clock())
        return JSONResponse(msgspec.to_builtins(found))


def depth(share: float | None) -> str:
    """Return how a share is shown: `whole`, `most`, `valid` (at least 75 %), `poor`, `none`. Pure."""
    if share is None:
        return "empty"
    for least, word in DEPTHS:
        if share >= least:
            return word
    return "none"


def clock_of(at: datetime, day: date, zone: ZoneInfo) -> str:
    """Return the clock at a moment of a local day, whose end is 24:00:00. Pure."""
    local = at.astimezone(zone)
    return f"{local:%H:%M:%S}" if local.date() <= day else "24:00:00"


class HeatDay(NamedTuple):
    """A day above its column."""

    full: str
    number: int


class HeatRow(NamedTuple):
    """A station's days as the template has them."""

    station: str
    name: str
    depth: str
    percent: str
    """Of all its days."""
    squares: str
    """Of each day, as markup: 6,200 of them by the template itself took 0.1 s."""


def heat_map(
    stations: Mapping[str, str], days: Sequence[date], found: Sequence[StationDay], language: Language
) -> dict[str, Any]:
    """Return `days` and `rows` of the map: all days of a station, and a square for each. Pure."""
    called = {day: (f'/gaps?day={day}&amp;lang={language}"', f"{day:%d/%m}") for day in days}
    squares: dict[str, dict[date, str]] = {station: {} for station in stations}
    begins = {station: f'"><a href="/stations/{quote(station)}' for station in stations}
    for one in found:
        if one.station not in stations:  # taken out of the files since
            continue
        share, (address, day) = one.share, called[one.day]
        written = percent(share, 0) or "–"
        squares[one.station][one.day] = (
            f'<td class="square {depth(share)}{begins[one.station]}{address} aria-label="{written} % {day}"'
            f' title="{day}: {one.counted} / {one.expected}">{written}</a></td>'
        )
    whole, rows = _whole(found), []
    for station, name in stations.items():
        own, share = squares[station], whole.get(station)
        row = "".join(own.get(day, '<td class="square empty"></td>') for day in days)
        rows.append(HeatRow(station, name, depth(share), percent(share, 0) or "–", row))
    return {"days": [HeatDay(f"{day:%d/%m/%Y}", day.day) for day in days], "rows": rows}


def together(found: Iterable[ExplainedGap]) -> list[dict[str, Any]]:
    """Return gaps of several channels that are one: same stretch, kind, cause and event; the longest first. Pure."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in found:
        gap = one.gap
        key = (gap.after, gap.until, gap.kind, one.cause, one.event)
        row = groups.setdefault(key, {"gap": gap, "cause": one.cause, "event": one.event, "channels": []})
        row["channels"].append(gap.channel)
    return sorted(groups.values(), key=lambda row: (row["gap"].after - row["gap"].until, row["gap"].after))


def _share_of(one: ChannelDay) -> float | None:
    return share_of(one.counted, one.expected)


def _whole(found: Iterable[StationDay]) -> dict[str, float | None]:
    """Return the share of each station over all days."""
    sums: dict[str, tuple[int, int]] = {}
    for one in found:
        counted, expected = sums.get(one.station, (0, 0))
        sums[one.station] = counted + one.counted, expected + one.expected
    return {station: share_of(*both) for station, both in sums.items()}
