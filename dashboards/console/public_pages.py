"""The pages that anybody may read: `/public`, of stations, communes and cooperatives, their JSON twins and posters.

They need no script. Each is made once for all who ask within a few seconds, from figures that another thread reads, and
nobody waits for one that was made a moment ago; who asks too often waits.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
import segno
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.templating import Jinja2Templates

from dashboards.console.admission import address_of
from dashboards.console.cap_message import CapSource, cap_message, rss_list
from dashboards.console.context import Console
from dashboards.console.kept_pages import KEPT_S, KeptPage, KeptPages, Made, NoSuchPage
from dashboards.console.numbers import number
from dashboards.console.public_view import PublicValue, PublicView, alarms_of, communes, public_view
from dashboards.console.strangers import StrangerRates
from dashboards.console.texts import Language, texts
from quantrac.config.network import Network
from quantrac.config.public import PublicPages
from quantrac.telemetry.parameters import CATALOGUE
from reports.public.figures import PublicFigures

ADDRESS: Final = re.compile(
    r"alarms(?:(?P<rss>\.rss)|/(?P<cap>\d{1,18})\.cap)|(?:(?P<kind>stations|communes|cooperatives)/(?P<name>[a-z0-9-]{1,100}))?(?:(?P<json>\.json)|/?(?P<poster>poster))?"
)
Form = Literal["page", "json", "poster", "rss", "cap"]


class PublicAddress(NamedTuple):
    """What a path below /public asks for."""

    kind: str
    """`stations`, `communes`, `cooperatives`; empty: all stations."""
    name: str
    form: Form

    @property
    def page(self) -> str:
        """The path of the page."""
        return f"/public/{self.kind}/{self.name}" if self.kind else "/public"


def address_in(path: str) -> PublicAddress | None:
    """Return what a path below `/public` asks for; None: nothing that there is. Pure."""
    found = ADDRESS.fullmatch(path.strip("/"))
    if found is None:
        return None
    if found["rss"] or found["cap"]:
        return PublicAddress("", found["cap"] or "", "rss" if found["rss"] else "cap")
    form: Form = "json" if found["json"] else "poster" if found["poster"] else "page"
    return PublicAddress(found["kind"] or "", found["name"] or "", form)


def shown_at(
    network: Network, public: PublicPages, at: PublicAddress, language: Language
) -> tuple[str, list[str]] | None:
    """Return the title and the stations of a page; None: there is no such page. Pure."""
    if not at.kind:
        return network.settings.name.in_language(language), [*public.stations]
    if at.kind == "stations":
        if at.name not in public.stations:
            return None
        return network.stations[at.name].name.in_language(language), [at.name]
    if at.kind == "communes":
        return communes(network, public).get(at.name)
    group = public.cooperatives.get(at.name)
    return None if group is None else (group.title.in_language(language), [*group.stations])


def add_public_pages(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the pages; they are open, whatever the settings say of the others."""
    kept, rates, reader = KeptPages(), StrangerRates(console.public_rate), console.public

    async def answered(request: Request, path: str, lang: Language) -> Response:
        wait_s = rates.wait_s(address_of(request), time.monotonic())
        if wait_s:
            words = texts(lang)["public_too_often"].format(seconds=wait_s)
            return PlainTextResponse(words, 429, {"Retry-After": str(wait_s)})
        found, at = reader.public(), address_in(path)
        if found is None or at is None or (shown := shown_at(*found, at, lang)) is None:
            return PlainTextResponse(texts(lang)["public_nothing"], 404)
        if reader.figures is None:
            return PlainTextResponse(texts(lang)["public_not_yet"], 503, {"Retry-After": "5"})
        is_linked = at.form in ("poster", "rss", "cap")
        base = str(request.base_url).rstrip("/") if is_linked and console.public_url is None else ""
        make = _maker(request, templates, console, at, shown, found, base, lang)
        page = await kept.page((*at, lang, base), reader.looks, time.monotonic(), make)
        if page is None:
            return PlainTextResponse(texts(lang)["public_nothing"], 404)
        return _sent(request, page, lang)

    @app.get("/public", response_class=HTMLResponse)
    async def show_public(request: Request, lang: Language = "vi") -> Response:
        """All stations that are public."""
        return await answered(request, "", lang)

    @app.get("/public.json")
    async def public_data(request: Request, lang: Language = "vi") -> Response:
        """The same as data."""
        return await answered(request, ".json", lang)

    @app.get("/public/{place:path}", response_class=HTMLResponse)
    async def show_public_place(request: Request, place: str, lang: Language = "vi") -> Response:
        """A station, a commune, a cooperative: its page, `….json` the same as data, `…/poster` to print."""
        return await answered(request, place, lang)


def _sent(request: Request, page: KeptPage, lang: Language) -> Response:
    headers = {
        "ETag": page.etag,
        "Cache-Control": f"public, max-age={KEPT_S:.0f}",
        "Vary": "Accept-Encoding",
        "Content-Language": lang,
    }
    if page.etag in request.headers.get("if-none-match", ""):
        return Response(None, 304, headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(page.packed, 200, {**headers, "Content-Encoding": "gzip"}, page.kind)
    return Response(page.body, 200, {**headers, "Content-Encoding": "identity"}, page.kind)


def _maker(
    request: Request,
    templates: Jinja2Templates,
    console: Console,
    at: PublicAddress,
    shown: tuple[str, list[str]],
    found: tuple[Network, PublicPages],
    base: str,
    lang: Language,
) -> Made:
    """Return what makes a page."""
    (network, public), (title, stations) = found, shown

    def made() -> tuple[str, str]:
        figures, now = console.public.figures, console.clock()
        assert figures is not None
        view = public_view(network, public, figures, stations, title, now, lang)
        if at.form == "json":
            return msgspec.json.encode(view).decode(), "application/json"
        address = f"{console.public_url or base}{at.page}"
        if at.form in ("rss", "cap"):
            sender = urlsplit(address).hostname or network.settings.network
            return _feed(network, figures, at, CapSource(sender, view.operator, address), now, lang)
        context = {
            "request": request, "lang": lang, "t": texts(lang), "view": view, "at": at, "zone": network.zone,
            "is_old": _is_old(view), "telephone": network.settings.telephone,
            "communes": communes(network, public),
            "cooperatives": {name: one.title.in_language(lang) for name, one in public.cooperatives.items()},
        }  # fmt: skip
        if at.form == "page":
            return templates.get_template("public.html").render(context), "text/html; charset=utf-8"
        context |= {"address": address, "code": qr_picture(address)}
        return templates.get_template("public_poster.html").render(context), "text/html; charset=utf-8"

    return made


def _feed(
    network: Network, figures: PublicFigures, at: PublicAddress, source: CapSource, now: datetime, lang: Language
) -> tuple[str, str]:
    """Return the list of public alarms as RSS, or one of them as CAP. Raises NoSuchPage. Pure."""
    if at.form == "rss":
        told = alarms_of(network, figures, lang)
        name = network.settings.name.in_language(lang)
        return rss_list(told, source, name, now, lang, network.zone).decode(), "application/rss+xml"
    found = alarms_of(network, figures, lang, with_taken_back=True)
    alarm = next((one for one in found if str(one.alarm_id) == at.name), None)
    if alarm is None:
        raise NoSuchPage("no such alarm is public")
    return cap_message(alarm, source, now, lang, network.zone).decode(), "application/cap+xml"


def decimals_of(parameter: str) -> int:
    """Return with how many decimals people read a parameter. Pure."""
    return CATALOGUE[parameter].decimals


def changed(one: PublicValue, said: Mapping[str, str], lang: Language) -> str:
    """Return how a value has changed since yesterday, in words. Pure."""
    decimals = decimals_of(one.parameter)
    change = round(one.change or 0.0, decimals)
    if change == 0:
        return said["public_same"]
    return f"{said['public_up' if change > 0 else 'public_down']} {number(abs(change), decimals, lang)}"


OLD_AFTER_S: Final = 60.0
"""Figures are read every fifteen seconds."""


def _is_old(view: PublicView) -> bool:
    return (view.computed_at - view.read_at).total_seconds() > OLD_AFTER_S


def qr_picture(address: str) -> str:
    """Return an address as a QR code for print: the `data:` address of an SVG that bears a fold or a stain. Pure."""
    return segno.make(address, error="q", micro=False).svg_data_uri(scale=8, border=4, dark="#000", light="#fff")
