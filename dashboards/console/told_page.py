"""The page that answers whom an alarm would be told to, when and why: the rulings of `quantrac rules routes`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from alerts.inquiry import Inquiry, InquiryAnswer, answer_inquiry
from alerts.rules.rule import ChannelRule
from alerts.telling.explanation import Explained, NothingToExplain
from alerts.watchdogs.own_rules import own_rules
from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarms_page import SEVERITIES
from dashboards.console.context import Console
from dashboards.console.people_page import MOST_NAMES, Words, people_frame
from dashboards.console.refusals import refusal
from dashboards.console.rule_library import RuleLibrary
from dashboards.console.sheet import EARLIEST, LATEST
from dashboards.console.telling_words import reason
from dashboards.console.texts import Language, texts
from quantrac.desks.roles import DeskAct


def rules_in(library: RuleLibrary) -> list[ChannelRule]:
    """Return the rules of a library at each place that they watch. Pure."""
    return [rule for rules in library.watched.values() for rule in rules]


def rule_choices(library: RuleLibrary, language: Language) -> list[dict[str, Any]]:
    """Return each level of each rule, by title, the worst first, and then the centre's own rules. Pure."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for rule in rules_in(library):
        for level in rule.told_levels:
            title = rule.texts.title.in_language(language) or rule.rule
            choice = found.setdefault(
                (rule.rule, level.name),
                {"value": f"{rule.rule}/{level.name}", "title": title, "severity": level.severity.word, "at": set()},
            )
            choice["at"].add(rule.station)
    choices = sorted(found.values(), key=lambda one: (one["title"], -SEVERITIES[::-1].index(one["severity"])))
    for choice in choices:
        choice["at"] = " ".join(sorted(choice["at"]))
    said = texts(language)
    own = [
        {"value": f"{name}/", "title": said.get(f"rule_{name}", name), "severity": rule.severity.word, "at": ""}
        for name, rule in own_rules(library.network).items()
    ]
    return choices + sorted(own, key=lambda one: str(one["title"]))


class ToldSame(NamedTuple):
    """People with the same answer."""

    at: datetime | None
    """When they are told; None: not at all."""
    why: str
    """Empty: at once."""
    lines: list[Explained]


def told_groups(found: InquiryAnswer, language: Language, title: Callable[[str], str]) -> dict[str, list[ToldSame]]:
    """Return the answers by `now`, `later`, `called` and `never`; each by time and reason. Pure."""
    parts: dict[str, dict[tuple[datetime | None, str], list[Explained]]] = {
        part: {} for part in ("now", "later", "called", "never")
    }
    for line in found.people:
        part = "now"
        if line.told_at is None:
            part = "never"
        elif line.occasion != found.matter.purpose:
            part = "called"
        elif line.reason:
            part = "later"
        why = line.reason or (line.occasion if part == "called" else "")
        parts[part].setdefault((line.told_at, why), []).append(line)
    order = datetime.max.replace(tzinfo=EARLIEST.tzinfo)
    return {
        part: [
            ToldSame(at, reason(why, language, title), lines)
            for (at, why), lines in sorted(same.items(), key=lambda one: (one[0][0] or order, -len(one[1]), one[0][1]))
        ]
        for part, same in parts.items()
    }


def moment_of(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the local time of a form's field; what is none, or of no year that counts, means now. Pure."""
    try:
        found = datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        return now
    return found if EARLIEST.year < found.year < LATEST.year else now


def add_told_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page to the application."""

    @app.get("/people/told", response_class=HTMLResponse)
    def show_told(
        request: Request,
        rule: Words = "",
        station: Words = "",
        at: Words = "",
        contact: Annotated[int, Query(ge=0, lt=2**31)] = 0,
        lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.CONTACTS)),
    ) -> Response:
        """The people whom an alarm would be told to, as `quantrac rules routes` lists them."""
        with console.pool.connection() as conn:
            context = people_frame(console, conn, request, by, lang)
            library, zone = console.library(), context["zone"]
            moment = moment_of(at, zone, console.clock())
            context |= {
                "asked": {"rule": rule, "station": station, "contact": contact}, "at": moment, "refused": "",
                "found": None, "most_names": MOST_NAMES,
                "choices": [] if library is None else rule_choices(library, lang),
            }  # fmt: skip
            if library is not None and rule:
                name, _, level = rule.partition("/")
                about = Inquiry(name, station, level or None)
                try:
                    found = answer_inquiry(conn, library.network, about, moment, rules_in(library))
                except NothingToExplain as error:
                    context["refused"] = refusal(error, lang, zone)
                else:
                    if contact:
                        found = InquiryAnswer(found.matter, [x for x in found.people if x.contact_id == contact])
                    context["found"] = told_groups(found, lang, context["group_title"])
                    context["matter"] = found.matter
        return templates.TemplateResponse(request, "told.html", context)
