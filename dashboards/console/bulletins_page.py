"""The pages of bulletins: all of them, and one with its preview, its words, approval and sending."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field, StringConstraints

from dashboards.console.admission import Gate, NotAllowed, Visitor
from dashboards.console.alarm_actions import Name
from dashboards.console.context import Console
from dashboards.console.people_page import group_title, network_of
from dashboards.console.sheet import sheet
from dashboards.console.texts import Language
from quantrac.config.bulletins import BulletinKind
from quantrac.config.network import Network
from quantrac.desks import bulletins as desk
from quantrac.desks.bulletin_dispatch import send as dispatch
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.errors import QuantracError, TranslatableError
from reports.bulletins.templates import LANGUAGES, PARTS

BODY: Final = re.compile(r"<body>(.*)</body>", re.DOTALL)
DocumentPart = Literal["html", "pdf"]
MEDIA: Final = {"html": "application/octet-stream", "pdf": "application/pdf"}
"""A page is a file to keep: its styles stand in it, and this console's pages allow none."""
BulletinNumber = Annotated[int, PathParameter(gt=0, lt=2**31)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=desk.LONGEST_WORDS)]


class NoFiles(TranslatableError):
    """The console could not read the files of the network yet."""


class MakeRequest(BaseModel):
    """The body of a new draft."""

    kind: BulletinKind
    period: Annotated[str, Field(max_length=20)] = ""
    """Empty: the last one that is over."""


class EditRequest(BaseModel):
    """The body of changed words."""

    language: Language
    part: Name
    text: Words
    edition: int


class ApproveRequest(BaseModel):
    """The body of an approval: which edition the person has read."""

    edition: int


class SendRequest(BaseModel):
    """The body of sending."""

    to: Annotated[list[Name], Field(max_length=100)]
    by: Annotated[list[Name], Field(max_length=4)]


def add_bulletins_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the pages, documents and acts to the application."""
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/bulletins", response_class=HTMLResponse)
    def show_bulletins(
        request: Request, kind: Annotated[str, Query(max_length=40)] = "", lang: Language = "vi", by: Visitor = may_read
    ) -> Response:
        """All bulletins, the newest first."""
        with console.pool.connection() as conn:
            context = sheet(conn, request, by, lang, {"kind": kind})
            network = network_of(console)
            plans = {} if network is None else network.settings.bulletins
            context |= {
                "bulletins": desk.bulletins(conn, kind or None), "kinds": list(BulletinKind), "chosen": kind,
                "plans": plans, "may_make": by.login is None or by.may(DeskAct.BULLETINS, None),
            }  # fmt: skip
        return templates.TemplateResponse(request, "bulletins.html", context)

    @app.get("/bulletins/{number}", response_class=HTMLResponse)
    def show_bulletin(
        request: Request,
        number: BulletinNumber,
        of: Language | None = None,
        lang: Language = "vi",
        by: Visitor = may_read,
    ) -> Response:
        """One bulletin as its readers get it in a language, and what may be done with it."""
        with console.long_read() as conn:
            context = sheet(conn, request, by, lang, {"of": of or ""})
            found, shown = _readable(desk.bulletin(conn, number), by), of or lang
            network, preview, problem = network_of(console), "", ""
            try:
                preview = fragment(desk.document(conn, _needed(network), found, shown, "html").decode())
            except QuantracError as error:
                problem = str(error)
            plan = None if network is None else network.settings.bulletins.get(BulletinKind(found.kind))
            context |= {
                "bulletin": found, "shown": shown, "languages": LANGUAGES, "preview": preview, "problem": problem,
                "parts": PARTS[BulletinKind(found.kind)], "head": desk.head(conn, number),
                "intact": found.digest is None or desk.is_intact(conn, found),
                "groups": [] if network is None else list(network.settings.groups), "plan": plan,
                "group_title": group_title(network, lang),
                "may_edit": by.login is None or by.may(DeskAct.BULLETINS, None),
                "may_issue": by.login is None or by.may(DeskAct.ISSUE, None),
            }  # fmt: skip
        return templates.TemplateResponse(request, "bulletin.html", context)

    @app.get("/bulletins/{number}/{language}.{part}")
    def bulletin_document(
        request: Request, number: BulletinNumber, language: Language, part: DocumentPart, by: Visitor = may_read
    ) -> Response:
        """The page or the PDF, as `quantrac report bulletin show` writes it; by HEAD no draft is printed."""
        with console.long_read() as conn:
            found = _readable(desk.bulletin(conn, number), by)
            name = f"{found.kind}-{found.period}-{language}.{part}"
            headers = {"Content-Disposition": f'inline; filename="{name}"'}
            if request.method == "HEAD" and found.digest is None:
                return StreamingResponse(iter(()), media_type=MEDIA[part], headers=headers)  # of a length nobody knows
            content = desk.document(conn, _needed(network_of(console)), found, language, part)
        return Response(content, media_type=MEDIA[part], headers=headers)

    _add_acts(app, console)


def _add_acts(app: FastAPI, console: Console) -> None:
    may_write = Depends(Gate(console, DeskAct.BULLETINS))
    may_issue = Depends(Gate(console, DeskAct.ISSUE))

    @app.post("/api/bulletins")
    def make(wish: MakeRequest, by: Visitor = may_write) -> dict[str, int]:
        """Make a draft."""
        network = _needed(network_of(console))
        with console.long_read() as conn, by.acting():
            made = desk.make(conn, network, wish.kind, wish.period.strip() or None, by.name, console.clock())
        return {"number": made.bulletin_id}

    @app.post("/api/bulletins/{number}/words")
    def edit(number: BulletinNumber, wish: EditRequest, by: Visitor = may_write) -> dict[str, int]:
        """Change a part of the words of a draft."""
        with console.pool.connection() as conn, by.acting():
            done = desk.edit(conn, number, wish.language, wish.part, wish.text, by.name, console.clock(), wish.edition)
        return {"edition": done.edition}

    @app.post("/api/bulletins/{number}/approve")
    def approve(number: BulletinNumber, wish: ApproveRequest, by: Visitor = may_issue) -> dict[str, str | None]:
        """Approve a draft as it was read."""
        network = _needed(network_of(console))
        with console.long_read() as conn, by.acting():
            done = desk.approve(conn, network, number, by.name, console.clock(), wish.edition)
        return {"digest": done.digest}

    @app.post("/api/bulletins/{number}/send")
    def send(number: BulletinNumber, wish: SendRequest, by: Visitor = may_issue) -> dict[str, int]:
        """Queue it to groups."""
        network = _needed(network_of(console))
        with console.pool.connection() as conn, by.acting():
            done = dispatch(conn, network, number, by.name, console.clock(), wish.to, wish.by)
        return done._asdict()


def fragment(document: str) -> str:
    """Return the body of a bulletin's page as a part of a page of the console, its headings one step lower. Pure."""
    found = BODY.search(document)
    body = "" if found is None else found[1]
    for level in (3, 2, 1):
        body = body.replace(f"<h{level}>", f"<h{level + 1}>").replace(f"</h{level}>", f"</h{level + 1}>")
    return body


def _readable(found: desk.Bulletin, by: Visitor) -> desk.Bulletin:
    """Return a bulletin to whoever may read it: what is approved everybody, a draft who reads all its stations."""
    if found.approved_at is None and by.stations is not None:
        raise NotAllowed("the account {login} has no role for this here", login=by.login or "")
    return found


def _needed(network: Network | None) -> Any:
    if network is None:
        raise NoFiles("the console could not read network.yaml yet")
    return network
