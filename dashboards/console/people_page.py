"""The page of the people who get messages: the list, its filters, and who has the duty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from alerts.people.contact_search import STATES, ContactQuery, contact_page, group_sizes, members, state_sizes
from alerts.telling.duty_week import DutyTurn, turns
from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarms_page import SEVERITIES, stations
from dashboards.console.context import Console
from dashboards.console.sheet import sheet
from dashboards.console.texts import Language
from quantrac.config.network import Network
from quantrac.database.pool import Connection
from quantrac.desks.roles import DeskAct

PAGE: Final = 50
WEEK: Final = timedelta(days=7)
NEXT_TURNS: Final = timedelta(weeks=6)
MOST_NAMES: Final = 30
"""Of a shift or of people with the same answer; the rest is counted."""
Words = Annotated[str, Query(max_length=200)]


def network_of(console: Console) -> Network | None:
    """Return the network as its files are; None: they could not be read."""
    library = console.library()
    return None if library is None else library.network


def group_title(network: Network | None, language: Language) -> Callable[[str], str]:
    """Return what gives a group's title, or its name where the files do not know it."""
    groups = {} if network is None else network.settings.groups
    return lambda group: groups[group].title.in_language(language) if group in groups else group


def group_names(network: Network | None, sizes: Iterable[str]) -> list[str]:
    """Return the groups of the files in their order, and those that only contacts have."""
    known = [] if network is None else list(network.settings.groups)
    return known + [group for group in sizes if group not in known]


def people_frame(console: Console, conn: Connection, request: Request, by: Visitor, lang: Language) -> dict[str, Any]:
    """Return what each page of people needs."""
    network = network_of(console)
    return sheet(conn, request, by, lang, request.query_params) | {
        "network": network,
        "group_title": group_title(network, lang),
        "stations": stations(conn, by, lang),
        "severities": SEVERITIES,
    }


class DutyNow(NamedTuple):
    """Who has the duty of a group, until when, and who follows."""

    group: str
    now: DutyTurn
    next: DutyTurn
    people: list[tuple[int, str]]
    """Members of the group who are on duty, and those in no shift; one more than MOST_NAMES at most."""


def duties(conn: Connection, network: Network | None, now: datetime, zone: ZoneInfo) -> Iterator[DutyNow]:
    """Yield each rostered group as it stands now."""
    for group, duty in ({} if network is None else network.settings.duty).items():
        current, following = list(turns(duty, now, now + 2 * WEEK, zone))[:2]
        yield DutyNow(group, current, following, members(conn, [current.shift], MOST_NAMES + 1))


def add_people_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the pages to the application."""

    @app.get("/people", response_class=HTMLResponse)
    def show_people(
        request: Request,
        text: Words = "",
        group: Words = "",
        station: Words = "",
        state: Words = "",
        page: Annotated[int, Query(ge=1, le=100_000)] = 1,
        lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.CONTACTS)),
    ) -> Response:
        """Who gets messages: fifty by name, by filters that stand in the address."""
        state = state if state in STATES else ""
        query = ContactQuery(text.strip(), group or None, station or None, state or None)
        with console.pool.connection() as conn:
            context = people_frame(console, conn, request, by, lang)
            found, sizes = contact_page(conn, query, PAGE, (page - 1) * PAGE), group_sizes(conn)
            context |= {
                "rows": found.rows, "total": found.total, "page": page, "pages": -(-found.total // PAGE),
                "sizes": sizes, "counts": state_sizes(conn), "names": group_names(context["network"], sizes),
                "duties": list(duties(conn, context["network"], console.clock(), context["zone"])),
                "most_names": MOST_NAMES, "now": console.clock(),
            }  # fmt: skip
        asked = {"text": query.text, "group": group, "station": station, "state": state}
        kept = {name: words for name, words in asked.items() if words} | {"lang": lang}
        context |= {
            "asked": asked,
            "address": lambda **more: "/people?" + urlencode({**kept, **more}),
        }
        return templates.TemplateResponse(request, "people.html", context)
