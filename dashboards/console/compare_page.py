"""The page that lays channels of any stations over one another, on two axes; its address is the whole of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.network_pages import page_of
from dashboards.console.station_page import SPANS
from dashboards.console.texts import Language
from quantrac.desks.roles import DeskAct

MOST: Final = 8
"""Lines in one picture: as many as can be told apart."""
Channels = Annotated[list[Annotated[str, Query(max_length=200)]], Query(max_length=2 * MOST)]


def add_compare_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page."""

    @app.get("/compare", response_class=HTMLResponse)
    def compare(
        request: Request,
        lang: Language = "vi",
        left: Channels = [],  # noqa: B006  # FastAPI copies it
        right: Channels = [],  # noqa: B006
        at: Annotated[str, Query(max_length=200)] = "",
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:
        """Channels on the left and the right axis; `at` is the station whose channels are offered."""
        context = page_of(console, request, by, lang, None)
        known = {
            channel["id"]: channel | {"station": station["name"]}
            for station in context["stations"]
            for channel in (*station["measured"], *station["housekeeping"])
        }
        asked = list(dict.fromkeys([*((one, "left") for one in left), *((one, "right") for one in right)]))
        chosen = [(channel, axis) for channel, axis in asked if channel in known][:MOST]
        context |= {
            "chosen": [
                known[channel] | {"axis": axis} | dict(_addresses(chosen, place, lang))
                for place, (channel, axis) in enumerate(chosen)
            ],
            "unknown": [channel for channel, _ in asked if channel not in known],
            "offered": next((one for one in context["stations"] if one["id"] == at), None)
            or next(iter(context["stations"]), None),
            "full": len(chosen) >= MOST, "hours": 24.0, "spans": SPANS, "now": console.clock(),
        }  # fmt: skip
        return templates.TemplateResponse(request, "compare.html", context)


def _addresses(chosen: Sequence[tuple[str, str]], place: int, language: Language) -> Iterator[tuple[str, str]]:
    """Yield the addresses of the page without a channel, and with it on the other axis."""
    rest = [one for at, one in enumerate(chosen) if at != place]
    channel, axis = chosen[place]
    yield "without", address(rest, language)
    yield "moved", address([*rest, (channel, "right" if axis == "left" else "left")], language)


def address(chosen: Sequence[tuple[str, str]], language: Language, **more: str) -> str:
    """Return the query of the page that shows channels, each on its axis. Pure."""
    query: Mapping[str, Any] = {
        "lang": language,
        **{axis: [channel for channel, on in chosen if on == axis] for axis in ("left", "right")},
        **more,
    }
    return urlencode(query, doseq=True, safe="/")
