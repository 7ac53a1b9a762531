"""The page of limits: what a decree allows, and how often a station's month was beyond it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.people_page import network_of
from dashboards.console.sheet import Month, channel_titles, sheet, stations_of
from dashboards.console.texts import Language
from quantrac.config.limits import DecreeLimit
from quantrac.config.network import Network
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.parameters import CATALOGUE
from reports.bulletins.notation import bounds
from reports.limits.report import chosen, exceedance_report
from reports.spans import ReportSpan

Words = Annotated[str, Query(max_length=100)]


def add_limits_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page to the application."""
    templates.env.globals |= {"allowed": allowed, "parameter_title": parameter_title}

    @app.get("/limits", response_class=HTMLResponse)
    def show_limits(
        request: Request, decree: Words = "", station: Words = "", month: Month = "", lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:  # fmt: skip
        """The limits of a decree, and a month of a station's channels against them."""
        network, now = network_of(console), console.clock()
        decrees = {} if network is None else decrees_of(network)
        named = decree if decree in decrees else next(iter(decrees), "")
        with console.long_read() as conn:
            context = sheet(conn, request, by, lang, {"decree": decree, "station": station, "month": month})
            names, today = stations_of(conn, by, lang), now.astimezone(context["zone"]).date()
            place = station if station in names else next(iter(names), "")
            span = ReportSpan.of(month or f"{today:%Y-%m}")
            rows = []
            if network is not None and named and place and span.first <= today:
                rows = exceedance_report(conn, network, named, span, now, frozenset({place}))
            context |= {
                "decrees": decrees, "chosen": named, "stations": names, "station": place, "span": span, "rows": rows,
                "limits": limits_of(network, named, today) if network is not None and named else [],
                "titled": channel_titles(conn, place, lang), "no_files": network is None,
                "before": span.first - timedelta(days=1), "after": span.last + timedelta(days=1), "today": today,
            }  # fmt: skip
        return templates.TemplateResponse(request, "limits.html", context)


def decrees_of(network: Network) -> dict[str, str]:
    """Return the files of limits and the decree of each, by file. Pure."""
    return {full.partition("/")[0]: versions[0].decree for full, versions in sorted(network.limits.items())}


def limits_of(network: Network, decree: str, today: date) -> list[tuple[DecreeLimit, bool]]:
    """Return the limits of a decree in their order, each with whether it holds today. Pure."""
    return [(one, one.holds_on(today)) for versions in chosen(network, decree).values() for one in versions]


def allowed(limit: DecreeLimit, language: Language) -> str:
    """Return what a limit allows, with its unit. Pure."""
    return f"{bounds(limit.low, limit.high, language)} {CATALOGUE[limit.parameter].label}".rstrip()


def parameter_title(parameter: str, language: Language) -> str:
    """Return what people call a parameter. Pure."""
    known = CATALOGUE[parameter]
    return known.title_vi if language == "vi" else known.title_en
