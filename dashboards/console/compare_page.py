"""The page that lays channels of any stations over one another, on two axes, and the views that people keep of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from pydantic import AfterValidator, BaseModel, Field

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Name, no_controls
from dashboards.console.context import Console
from dashboards.console.network_pages import page_of
from dashboards.console.sheet import PossibleTime
from dashboards.console.station_page import SPANS
from dashboards.console.texts import Language
from quantrac.desks import saved_views
from quantrac.desks.roles import DeskAct
from quantrac.desks.saved_views import MOST_LINES, SavedView, ViewSpan

ChannelName = Annotated[str, Field(max_length=200), AfterValidator(no_controls)]
Channels = Annotated[list[Annotated[str, Query(max_length=200)]], Query(max_length=2 * MOST_LINES)]
ViewId = Annotated[int, PathParameter(gt=0, lt=2**31)]
LATEST_VIEW: Final = 2**31


class ViewWish(BaseModel):
    """The body of a view that is to be kept."""

    name: Name
    left: list[ChannelName] = Field(default_factory=list, max_length=2 * MOST_LINES)
    right: list[ChannelName] = Field(default_factory=list, max_length=2 * MOST_LINES)
    hours: float | None = Field(default=None, gt=0)
    from_t: PossibleTime | None = Field(default=None, alias="from")
    to_t: PossibleTime | None = Field(default=None, alias="to")


def add_compare_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page, and what is asked about its views."""
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/compare", response_class=HTMLResponse)
    def compare(
        request: Request,
        lang: Language = "vi",
        left: Channels = [],  # noqa: B006  # FastAPI copies it
        right: Channels = [],  # noqa: B006
        at: Annotated[str, Query(max_length=200)] = "",
        view: Annotated[int, Query(ge=0, lt=LATEST_VIEW)] = 0,
        by: Visitor = may_read,
    ) -> Response:
        """Channels on the left and the right axis; `at` is the station whose channels are offered."""
        context = page_of(console, request, by, lang, None)
        known = {
            channel["id"]: channel | {"station": station["name"]}
            for station in context["stations"]
            for channel in (*station["measured"], *station["housekeeping"])
        }
        asked = list(dict.fromkeys([*((one, "left") for one in left), *((one, "right") for one in right)]))
        chosen = [(channel, axis) for channel, axis in asked if channel in known][:MOST_LINES]
        with console.pool.connection() as conn:
            kept = saved_views.views(conn)
        context |= {
            "chosen": [
                known[channel] | {"axis": axis} | dict(_addresses(chosen, place, lang))
                for place, (channel, axis) in enumerate(chosen)
            ],
            "unknown": [channel for channel, _ in asked if channel not in known],
            "offered": next((one for one in context["stations"] if one["id"] == at), None)
            or next(iter(context["stations"]), None),
            "full": len(chosen) >= MOST_LINES, "hours": 24.0, "spans": SPANS, "now": console.clock(),
            "views": kept, "opened": next((one for one in kept if one.view_id == view), None),
            "may_save": by.acts.get(DeskAct.VIEWS.value, [] if by.login else None) != [],
        }  # fmt: skip
        return templates.TemplateResponse(request, "compare.html", context)

    @app.get("/compare/views/{view_id}", dependencies=[may_read])
    def open_view(view_id: ViewId, lang: Language = "vi") -> Response:
        """Lead to what was saved: the short address that people send to one another."""
        with console.pool.connection() as conn:
            return RedirectResponse(f"/compare?{address_of(saved_views.view(conn, view_id), lang)}", 303)

    may_save = Depends(Gate(console, DeskAct.VIEWS, anywhere=True))

    @app.post("/api/views")
    def save(body: ViewWish, by: Visitor = may_save) -> dict[str, Any]:
        """Keep channels under a name; answers the number and the path of the view."""
        span = ViewSpan(body.hours, body.from_t, body.to_t)
        with console.pool.connection() as conn, by.acting():
            found = saved_views.save(conn, body.name, body.left, body.right, span, by.name, console.clock())
        return {"view_id": found.view_id, "path": f"/compare/views/{found.view_id}"}

    @app.post("/api/views/{view_id}/remove")
    def remove(view_id: ViewId, by: Visitor = may_save) -> dict[str, int]:
        """Take a view out of the list."""
        with console.pool.connection() as conn, by.acting():
            saved_views.remove(conn, view_id, by.name, console.clock())
        return {"view_id": view_id}


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


def address_of(view: SavedView, language: Language) -> str:
    """Return the query of the page that shows a view. Pure."""
    lines = [*((one, "left") for one in view.left_axis), *((one, "right") for one in view.right_axis)]
    span = {"hours": f"{view.hours:g}"} if view.hours is not None else {}
    if view.from_t is not None and view.to_t is not None:
        span = {name: time.isoformat() for name, time in (("from", view.from_t), ("to", view.to_t))}
    return address(lines, language, view=str(view.view_id), **span)
