"""The page of the rosters: a week of shifts and quiet hours, who has the duty now and next, what the routes say."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from alerts.people.contact_search import group_sizes
from alerts.telling.duty_week import nights, turns
from alerts.telling.routes import Hours, Routing
from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.days import Day, day_begins
from dashboards.console.numbers import number
from dashboards.console.people_page import MOST_NAMES, duties, group_names, group_title, people_frame
from dashboards.console.sheet import EARLIEST, LATEST
from dashboards.console.texts import Language, texts
from quantrac.config.network import Network
from quantrac.config.notifications import EscalationStep
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.severity import Severity

NEXT_TURNS: Final = timedelta(weeks=6)


class Bar(NamedTuple):
    """A stretch in a picture of a week: hours since its beginning."""

    at: float
    hours: float
    kind: int
    """Which shift of the list; 0 for quiet hours."""
    title: str


def bars(found: Iterable[tuple[datetime, datetime, int, str]], since: datetime, until: datetime) -> list[Bar]:
    """Return stretches as bars of a picture, cut at its ends. Pure."""
    hour = timedelta(hours=1)
    return [
        Bar((max(begin, since) - since) / hour, (min(end, until) - max(begin, since)) / hour, kind, title)
        for begin, end, kind, title in found
        if begin < until and end > since
    ]


def duty_bars(
    network: Network,
    group: str,
    title: Callable[[str], str],
    since: datetime,
    until: datetime,
    own: Container[str] | None = None,
) -> list[Bar]:
    """Return the turns of a group's roster in a week; `own`: only those of these shifts. Pure."""
    duty = network.settings.duty[group]
    kinds = {shift: kind for kind, shift in enumerate(duty.shifts)}
    found = [one for one in turns(duty, since, until, network.zone) if own is None or one.shift in own]
    return bars(((one.since, one.until, kinds.get(one.shift, 0), title(one.shift)) for one in found), since, until)


def quiet_bars(hours: Hours, since: datetime, until: datetime, zone: ZoneInfo) -> list[Bar]:
    """Return the quiet hours of a week. Pure."""
    return bars(((one.since, one.until, 0, "") for one in nights(hours, since, until, zone)), since, until)


def week_of(network: Network | None, first: date, zone: ZoneInfo, language: Language) -> dict[str, Any]:
    """Return what a picture of seven days shows: the days, and the bars of each roster and of the quiet hours. Pure."""
    since = datetime.combine(first, time(), zone)
    until = datetime.combine(first + timedelta(days=7), time(), zone)
    title = group_title(network, language)
    rosters = {} if network is None else network.settings.duty
    quiet = None if network is None else network.settings.quiet_hours
    return {
        "first": first, "since": since, "until": until, "hours": (until - since) / timedelta(hours=1),
        "days": [first + timedelta(days=n) for n in range(7)],
        "rosters": {
            group: (duty_bars(network, group, title, since, until), list(turns(duty, since, since + NEXT_TURNS, zone)))
            for group, duty in rosters.items() if network is not None
        },
        "quiet": [] if network is None or quiet is None
        else quiet_bars(Routing.of(network).night, since, until, zone),
        "quiet_hours": quiet,
    }  # fmt: skip


def _routed(network: Network | None, sizes: Iterable[str]) -> list[str]:
    """Return the groups that routes name. Pure."""
    named = set() if network is None else {route.to for route in network.settings.routes}
    return [group for group in group_names(network, sizes) if group in named]


def _escalation(network: Network | None, language: Language) -> list[tuple[str, EscalationStep]]:
    """Return the steps of escalation, each with after how long and of which severities. Pure."""
    said = texts(language)
    return [
        (
            said["escalation_step"].format(
                minutes=number(step.after_ms / 60_000, 0, language),
                severities=", ".join(said[f"severity_{one.word}"] for one in step.severity),
            ),
            step,
        )
        for step in (() if network is None else network.settings.escalation)
    ]


def add_roster_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page to the application."""

    @app.get("/people/roster", response_class=HTMLResponse)
    def show_roster(
        request: Request,
        week: Day = "",
        lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.CONTACTS)),
    ) -> Response:
        """The week of the rosters and quiet hours, who has the duty now and next, and what the routes say."""
        now = console.clock()
        with console.pool.connection() as conn:
            context = people_frame(console, conn, request, by, lang)
            network, zone = context["network"], context["zone"]
            context["duties"] = list(duties(conn, network, now, zone))
            context["sizes"] = group_sizes(conn)
        today = now.astimezone(zone).date()
        asked = (day_begins(week, zone) or now).astimezone(zone).date()
        first = asked if EARLIEST.year < asked.year < LATEST.year else today
        context |= week_of(network, first, zone, lang) | {
            "now": now, "today": today, "most_names": MOST_NAMES, "routing": network and Routing.of(network),
            "before_week": first - timedelta(days=7), "after_week": first + timedelta(days=7),
            "levels": sorted(Severity, reverse=True), "routed": _routed(network, context["sizes"]),
            "escalation": _escalation(network, lang),
        }  # fmt: skip
        return templates.TemplateResponse(request, "roster.html", context)
