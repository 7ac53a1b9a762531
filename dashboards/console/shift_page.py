"""The pages of the shift book: the open shift, the ones handed over, and the acts of writing and signing."""

from __future__ import annotations

import threading
import time
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import BackgroundTasks, Depends, FastAPI, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import LongNote, LongReason
from dashboards.console.context import Console
from dashboards.console.days import Day, day_begins
from dashboards.console.gap_causes import GapCauses
from dashboards.console.sheet import sheet, stations_of
from dashboards.console.shift_words import ItemWords, Reader, about, figures, words_of
from dashboards.console.texts import Language
from quantrac.desks import shift
from quantrac.desks.roles import DeskAct
from quantrac.desks.shift import ShiftRow
from quantrac.desks.shift_content import ItemKind, ShiftContent, ShiftItem, ShiftNote, within, without_reasons

PAGE: Final = 50
MOST_SHOWN: Final = 60
"""Items of a kind on one page."""
AT_ONCE: Final = 6
"""Of a kind that are unfolded, and printed."""
FRESH_S: Final = 2.0
"""How long the page of the open shift is shown to others, too, who ask for it."""
ShiftNumber = Annotated[int, PathParameter(gt=0, lt=2**31)]


class NoteRequest(BaseModel):
    """The body of a note."""

    text: LongReason
    mark: Literal["watch", "done"] | None = None
    item: Annotated[str, Field(max_length=400)] | None = None
    """Key of what it is about; None: it stands for itself."""


class HandOverRequest(BaseModel):
    """The body of the signature of whoever leaves."""

    shift: Annotated[int, Field(gt=0, lt=2**31)]
    """The shift that the person has before their eyes."""
    remark: LongNote = ""
    alone: bool = False


class _OpenPage:
    """The page of the open shift, composed once for all who ask within a moment."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.causes = GapCauses(console)
        self._lock = threading.Lock()
        self._found: ShiftContent | None = None
        self._read_at = 0.0

    def read(self) -> ShiftContent:
        """Return it, at most so old, with the causes of gaps that are known."""
        with self._lock:
            if self._found is None or time.monotonic() - self._read_at > FRESH_S:
                with self._console.pool.connection() as conn:
                    self._found = shift.open_page(conn, self._console.clock(), explained=0)
                self._read_at = time.monotonic()
            return self.causes.added(self._found)

    def forget(self) -> None:
        """Drop the composed page: a person has written in the book, so the next reader gets a new one."""
        with self._lock:
            self._found = None


def add_shift_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the pages and their acts to the application."""
    page = _OpenPage(console)
    _add_open(app, console, templates, page)
    _add_signed(app, console, templates)
    _add_notes(app, console, page)
    _add_signatures(app, console, page)


def _add_open(app: FastAPI, console: Console, templates: Jinja2Templates, page: _OpenPage) -> None:
    @app.get("/shift", response_class=HTMLResponse)
    def show_open(
        request: Request, lang: Language = "vi", by: Visitor = Depends(Gate(console, DeskAct.READ))
    ) -> Response:
        """The open shift as things stand, with forms for notes and for handing over."""
        found = page.read()
        content, lacks = _read_by(by, found), bool(page.causes.lacking(found))
        with console.pool.connection() as conn:
            context = sheet(conn, request, by, lang, {})
            context |= _shown(content, lang, context) | {
                "last": shift.last_shift(conn), "row": None, "now": console.clock(), "may_sign": _may_sign(by),
                "places": _places(by, stations_of(conn, by, lang)), "lacks": lacks,
            }  # fmt: skip
        later = BackgroundTasks()
        if lacks:
            later.add_task(page.causes.find_out_later, found)
        return templates.TemplateResponse(request, "shift.html", context, background=later)

    @app.get("/api/shift")
    def open_data(by: Visitor = Depends(Gate(console, DeskAct.READ))) -> Response:
        """The open shift, as `quantrac shift show --json` has it, as far as the reader may read it."""
        page.causes.find_out(page.read())
        return JSONResponse(msgspec.to_builtins(_read_by(by, page.read())))


def _add_signed(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    @app.get("/shifts", response_class=HTMLResponse)
    def list_shifts(
        request: Request,
        day: Day = "",
        before: Annotated[int | None, Query(gt=0, lt=2**31)] = None,
        lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:
        """The shifts that were handed over, the newest first; those of one day where it is asked for."""
        with console.pool.connection() as conn:
            context = sheet(conn, request, by, lang, {"day": day})
            begins = day_begins(day, context["zone"])
            found = shift.shifts(conn, day=None if begins is None else begins.date(), before=before, most=PAGE + 1)
            last = shift.last_shift(conn)
        context |= {
            "rows": found[:PAGE], "day": day, "last": last, "status": status,
            "older": found[PAGE - 1].shift_id if len(found) > PAGE else None,
        }  # fmt: skip
        return templates.TemplateResponse(request, "shifts.html", context)

    @app.get("/shifts/{number}", response_class=HTMLResponse)
    def show_signed(
        request: Request, number: ShiftNumber, lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:  # fmt: skip
        """The page of a shift as it was signed."""
        with console.pool.connection() as conn:
            row, content = shift.signed_page(conn, number)
            context = sheet(conn, request, by, lang, {})
            context |= _shown(_read_by(by, content), lang, context) | {
                "last": shift.last_shift(conn), "row": row, "now": row.until, "may_sign": _may_sign(by), "places": {},
            }  # fmt: skip
        return templates.TemplateResponse(request, "shift.html", context)


def _add_notes(app: FastAPI, console: Console, page: _OpenPage) -> None:
    def write(wish: NoteRequest, by: Visitor, station: str | None) -> dict[str, str]:
        with console.pool.connection() as conn, by.acting():
            shift.note(
                conn, wish.text, by.name, console.clock(), mark=wish.mark, item=wish.item or None, station=station
            )
        page.forget()
        return {"note": wish.text}

    @app.post("/api/shift/note")
    def note(wish: NoteRequest, by: Visitor = Depends(Gate(console, DeskAct.SHIFT))) -> dict[str, str]:
        """Write a note into the open shift, about what belongs to no station."""
        return write(wish, by, None)

    @app.post("/api/stations/{station}/shift/note")
    def note_on_station(
        station: str, wish: NoteRequest, by: Visitor = Depends(Gate(console, DeskAct.SHIFT))
    ) -> dict[str, str]:
        """Write a note into the open shift, about a station."""
        return write(wish, by, station)


def _add_signatures(app: FastAPI, console: Console, page: _OpenPage) -> None:
    @app.post("/api/shift/hand-over")
    def hand_over(wish: HandOverRequest, by: Visitor = Depends(Gate(console, DeskAct.SHIFT))) -> dict[str, int]:
        """Sign the page of the open shift; the next one begins."""
        with console.pool.connection() as conn, by.acting():
            done = shift.hand_over(conn, wish.shift, by.name, wish.remark, console.clock(), alone=wish.alone)
        page.forget()
        return {"shift": done.shift_id}

    @app.post("/api/shifts/{number}/take-over")
    def take_over(number: ShiftNumber, by: Visitor = Depends(Gate(console, DeskAct.SHIFT))) -> dict[str, int]:
        """Sign that one has taken over the shift that was handed over last."""
        with console.pool.connection() as conn, by.acting():
            done = shift.take_over(conn, number, by.name, console.clock())
        return {"shift": done.shift_id}


def _read_by(by: Visitor, content: ShiftContent) -> ShiftContent:
    """Return what somebody may read of a page: why people did what only where they keep the book, or read the audit."""
    return without_reasons(within(content, by.stations), lambda station: _reads_acts(by, station))


def _reads_acts(by: Visitor, station: str | None) -> bool:
    acts = DeskAct.SHIFT, DeskAct.AUDIT
    if by.token is not None:
        return any(by.token.may(act, station, of_network=False) for act in acts)
    return by.login is not None and any(by.may(act, station) for act in acts)


def _reads_acts_somewhere(by: Visitor) -> bool:
    """Tell whether a page says how many acts there are: to others none would be a lie."""
    return any(_reads_acts(by, station) for station in (None, *(by.stations or ())))


def _may_sign(by: Visitor) -> bool:
    """Tell whether somebody may sign for the whole network; whoever has not signed in is asked to when they try."""
    return by.login is None or by.may(DeskAct.SHIFT, None)


def _places(by: Visitor, names: dict[str, str]) -> dict[str, str]:
    """Return what somebody may write notes about: the network (an empty key) and stations."""
    able = {station: name for station, name in names.items() if by.login is None or by.may(DeskAct.SHIFT, station)}
    return {"": "", **able} if _may_sign(by) else able


class _Section:
    """Items of one kind: in words, with the notes on each."""

    def __init__(self, content: ShiftContent, kind: ItemKind, reader: Reader) -> None:
        found = content.of(kind)[:MOST_SHOWN]
        self.kind = kind.value
        self.total = content.total(kind)
        rows = [_row(item, content, reader) for item in found]
        self.first, self.rest = rows[:AT_ONCE], rows[AT_ONCE:]
        self.left = max(0, self.total - len(rows))


def _row(item: ShiftItem, content: ShiftContent, reader: Reader) -> tuple[ShiftItem, ItemWords, list[ShiftNote]]:
    return item, words_of(item, reader), content.notes_on(item.key)


def _shown(content: ShiftContent, lang: Language, context: dict[str, Any]) -> dict[str, Any]:
    reader = Reader.of(content, lang, context["zone"])
    kinds = [kind for kind in ItemKind if kind is not ItemKind.ACTS or _reads_acts_somewhere(context["by"])]
    return {
        "content": content, "reader": reader, "sections": [_Section(content, kind, reader) for kind in kinds],
        "figures": figures(content, lang), "about": lambda note: about(note, reader), "status": status,
    }  # fmt: skip


def status(row: ShiftRow, last: ShiftRow | None) -> str:
    """Return how a shift that was handed over ended: `taken`, `alone`, `waits`, or `nobody` took it over. Pure."""
    if row.taken_at is not None:
        return "taken"
    if row.alone:
        return "alone"
    return "waits" if last is not None and last.shift_id == row.shift_id else "nobody"
