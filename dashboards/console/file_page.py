"""The page of one file of the configuration: its text with the checker beside it, comparing, saving, history."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from dashboards.console.admission import Gate, NotAllowed, Visitor
from dashboards.console.alarm_actions import Reason
from dashboards.console.check_turn import CheckTurn
from dashboards.console.configuration_page import add_configuration_page, stations_files
from dashboards.console.configuration_words import (
    caution_words,
    configurable,
    foreseen_effects,
    mistakes_answer,
    problem_rows,
)
from dashboards.console.context import Console
from dashboards.console.refusals import language_of, refusal
from dashboards.console.sheet import sheet
from dashboards.console.texts import Language, texts
from quantrac.config.config_folder import ConfigFile, FileNotOurs, NoSuchFile, digest_of
from quantrac.config.findings import ConfigErrors
from quantrac.config.line_changes import ShownLine, compared
from quantrac.database.pool import Connection
from quantrac.desks import config_files
from quantrac.desks.config_files import contacts_line
from quantrac.desks.network import ChannelChangesMeaning
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.errors import TranslatableError

LARGEST_TEXT: Final = 50_000
"""Bytes of a file that the page edits, four times the largest that ships: a request has 64,000, JSON included."""
MOST_LINES: Final = 400
"""Lines of a comparison that are shown."""
Opened = Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]
ChangeNumber = Annotated[int, PathParameter(gt=0, lt=2**63)]


class NotEditable(TranslatableError):
    """The console may not change files."""


class ProposedText(BaseModel):
    """The body of a check: what the file shall hold."""

    text: Annotated[str, Field(max_length=LARGEST_TEXT)]


class SaveWish(ProposedText):
    """The body of a change: the text, what the file held when it was opened, and why."""

    opened: Opened
    reason: Reason


class BackWish(BaseModel):
    """The body of taking a change back."""

    reason: Reason


def add_configuration_pages(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page of all files, and that of one, to the application; both wait for the same turn to check."""
    turn = CheckTurn()
    add_configuration_page(app, console, templates, turn)
    _add_page(app, console, templates)
    _add_checks(app, console, turn)
    _add_acts(app, console, turn)


def _add_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    may_configure_somewhere = Depends(Gate(console, DeskAct.CONFIGURE, anywhere=True))

    @app.get("/configuration/{file:path}", response_class=HTMLResponse)
    def show_file(
        request: Request, file: str, lang: Language = "vi", by: Visitor = may_configure_somewhere
    ) -> Response:
        """A file with its history; one that is not there yet may be begun."""
        place = console.files.file(file)
        with console.pool.connection() as conn:
            context = sheet(conn, request, by, lang, {}) | _file_context(conn, console, by, place, lang)
        return templates.TemplateResponse(request, "file.html", context)

    @app.get("/api/files/{file:path}/changes/{number}")
    def change_lines(file: str, number: ChangeNumber, by: Visitor = may_configure_somewhere) -> Response:
        """Which lines a change of the file changed."""
        place = console.files.file(file)
        with console.pool.connection() as conn:
            change = config_files.change_of(conn, number, place.name)
        before, after = (_text_of(_seen(by, place, content)) for content in (change.before, change.after))
        return JSONResponse({"lines": _lines(before, after)})

    @app.get("/api/files/{file:path}")
    def current(file: str, by: Visitor = may_configure_somewhere) -> Response:
        """What the file holds now, and who wrote that."""
        place = console.files.file(file)
        content = _seen(by, place, console.files.read(place))
        with console.pool.connection() as conn:
            wrote = config_files.changed_by(conn, place, content)
        by_whom = None if wrote is None else {"person": wrote[0], "at": round(wrote[1].timestamp() * 1000)}
        return JSONResponse({"text": _text_of(content), "opened": digest_of(content), "wrote": by_whom})


def _add_checks(app: FastAPI, console: Console, turn: CheckTurn) -> None:
    may_configure = Depends(Gate(console, DeskAct.CONFIGURE))

    @app.post("/api/files/{file:path}/check")
    def check(request: Request, file: str, wish: ProposedText, by: Visitor = may_configure) -> Response:
        """What is wrong with the network when the file holds the text; nothing is changed."""
        language, place = language_of(request.headers.get("accept-language")), console.files.file(file)
        with turn.of(by.account):
            problems, cautions = config_files.verdict(console.files, place, wish.text, console.clock())
        return JSONResponse({
            "problems": problem_rows(problems, console.files, by, language),
            "count": len(problems),
            "cautions": caution_words(cautions, by, language),
        })  # fmt: skip

    @app.post("/api/files/{file:path}/compare")
    def compare(request: Request, file: str, wish: ProposedText, by: Visitor = may_configure) -> Response:
        """Which lines differ from the file, and what applying the text would change at stations."""
        language, place = language_of(request.headers.get("accept-language")), console.files.file(file)
        lines = _lines(_text_of(_seen(by, place, console.files.read(place))), wish.text)
        try:
            with turn.of(by.account), console.pool.connection() as conn:
                found = config_files.consequences(conn, console.files, place, wish.text, console.clock())
        except ConfigErrors:
            return JSONResponse({"lines": lines, "stations": None, "why": texts(language)["file_mistakes_first"]})
        except ChannelChangesMeaning as error:
            return JSONResponse(
                {"lines": lines, "stations": None, "why": refusal(error, language, console.watcher.zone)}
            )
        return JSONResponse({"lines": lines, **foreseen_effects(found, configurable(by), language)})


def _add_acts(app: FastAPI, console: Console, turn: CheckTurn) -> None:
    may_configure = Depends(Gate(console, DeskAct.CONFIGURE))

    @app.post("/api/files/{file:path}/save")
    def save(request: Request, file: str, wish: SaveWish, by: Visitor = may_configure) -> Response:
        """Let the file hold the text, as `quantrac stations edit` does."""
        place = _editable(console, file)
        try:
            with turn.of(by.account), console.pool.connection() as conn, by.acting():
                number = config_files.save(
                    conn, console.files, place, wish.text, by.name, wish.reason, console.clock(), opened=wish.opened
                )
                now_there = config_files.change_of(conn, number).after
        except ConfigErrors as errors:
            return mistakes_answer(request, console, by, errors)
        return JSONResponse({"change": number, "opened": digest_of(now_there)})

    @app.post("/api/files/{file:path}/changes/{number}/take-back")
    def take_back(
        request: Request, file: str, number: ChangeNumber, wish: BackWish, by: Visitor = may_configure
    ) -> Response:
        """Take a change out of the file, as `quantrac stations undo` does."""
        place = _editable(console, file)
        try:
            with turn.of(by.account), console.pool.connection() as conn, by.acting():
                made = config_files.take_back(
                    conn, console.files, number, by.name, wish.reason, console.clock(), place.name
                )
        except ConfigErrors as errors:
            return mistakes_answer(request, console, by, errors)
        return JSONResponse({"change": made})


def _editable(console: Console, file: str) -> ConfigFile:
    if not console.editable:
        raise NotEditable("QUANTRAC_CONFIG_EDITABLE is not set for the console: change the file by command")
    return console.files.file(file)


def _seen(by: Visitor, file: ConfigFile, content: bytes | None) -> bytes | None:
    """Return what a file holds or held. Raises NotAllowed where it seems to name people, not for them to see."""
    if not by.sees_people and content and contacts_line(content) is not None:
        raise NotAllowed("{file} names people who get messages: that needs a role for contacts", file=file.name)
    return content


def _file_context(
    conn: Connection, console: Console, by: Visitor, file: ConfigFile, language: Language
) -> dict[str, Any]:
    """Return what the page of a file is made with."""
    refused, content, last = "", None, None
    files, past = console.files.files(), config_files.changes(conn, file.name)
    try:
        content = _seen(by, file, console.files.read(file))
        last = _seen(by, file, past[0].after or past[0].before) if past and content is None else None
    except (FileNotOurs, NotAllowed) as error:
        refused = refusal(error, language, console.watcher.zone)
        past = [] if isinstance(error, NotAllowed) else past
    known = None if file.station is None else _station(conn, files, file.station, language)
    is_allowed = by.may(DeskAct.CONFIGURE, file.station)
    if content is None and not refused and not past and not (is_allowed and console.editable):
        raise NoSuchFile("the configuration has no file {file}", file=file.name)
    is_large = content is not None and len(content) > LARGEST_TEXT
    shut = (
        "file_shut_setting" if not console.editable
        else "file_shut_role" if not is_allowed
        else "file_shut_large" if is_large
        else "file_shut_bytes" if "\ufffd" in _text_of(content)
        else ""
    )  # fmt: skip
    return {
        "file": file, "text": _text_of(content), "opened": digest_of(content), "is_there": content is not None,
        "refused": refused, "shut": shut, "known": known,
        "twins": [one.name for one in files if one != file and (one.folder, one.stem) == (file.folder, file.stem)],
        "changes": past,
        "is_last_known": not past or past[0].after == content,
        "may_apply": by.may(DeskAct.CONFIGURE, None), "has_keys": console.push is not None,
        "last_before": _text_of(last),
    }  # fmt: skip


def _station(conn: Connection, files: list[ConfigFile], station: str, language: Language) -> Any:
    found = stations_files(conn, files, frozenset({station}), language)
    return found[0] if found else None


def _lines(before: str, after: str) -> list[ShownLine]:
    found = list(compared(before, after))
    return [*found[:MOST_LINES], ShownLine("…", 0, "")] if len(found) > MOST_LINES else found


def _text_of(content: bytes | None) -> str:
    return "" if content is None else content.decode("utf-8", "replace").replace("\r\n", "\n")
