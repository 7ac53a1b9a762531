"""The page of samples: custody, what laboratories found beside the sensor's value, bias over time, and its acts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Name, Note
from dashboards.console.bias_chart import bias_chart
from dashboards.console.context import Console
from dashboards.console.entry_acts import EntryNumber, EntryWish, add_entry_acts
from dashboards.console.refusals import language_of, refusal
from dashboards.console.sheet import PossibleTime, channel_titles, sheet_of_station
from dashboards.console.texts import Language
from quantrac.database.pool import Connection
from quantrac.desks import laboratory_file, laboratory_import, laboratory_results, samples
from quantrac.desks.laboratory_file import Usual
from quantrac.desks.laboratory_results import ComparedResult, LaboratoryResult, measured
from quantrac.desks.roles import DeskAct
from quantrac.desks.samples import SAMPLES, Custody, CustodyStep, LaboratorySample, SampleSheet

SHOWN: Final = 50
"""Samples of a station, the newest; of each parameter the results of the last years."""
SeenOrNone = Annotated[int | None, Field(ge=0, lt=2**15)]
"""The version that somebody has looked at; 0: there was none."""
METHODS: Final = (
    "TCVN 6492:2011 (pH)", "TCVN 7325:2016 (DO)", "TCVN 6625:2000 (TSS)", "TCVN 6491:1999 (COD)",
    "TCVN 6001-1:2008 (BOD5)", "TCVN 6179-1:1996 (NH4)", "TCVN 6180:1996 (NO3)", "TCVN 6178:1996 (NO2)",
    "TCVN 6202:2008 (PO4)", "SMEWW 2510B (EC)", "SMEWW 2520B (Salinity)", "SMEWW 2130B (NTU)",
)  # fmt: skip
"""What the form offers: methods that QCVN 08-MT names or laboratories here use; any other may be typed."""


class SampleWish(EntryWish):
    """The body of a sampling sheet."""

    code: Name
    sampled_at: PossibleTime
    sampled_by: Name
    laboratory: Annotated[Note, Field(max_length=200)] = ""

    def sheet(self, station: str) -> SampleSheet:
        """Return it as the desk takes it."""
        return SampleSheet(station, self.code, self.sampled_at, self.sampled_by, self.laboratory, self.words)


class StepWish(BaseModel):
    """The body of a step of custody."""

    step: CustodyStep
    done_at: PossibleTime
    done_by: Name
    words: Note = ""
    reason: Note = ""
    seen: SeenOrNone = None


class ResultWish(BaseModel):
    """The body of a result, or with `withdraw` of its withdrawal."""

    parameter: Name
    reported: Annotated[Note, Field(max_length=80)] = ""
    unit: Annotated[Note, Field(max_length=40)] = ""
    method: Annotated[Note, Field(max_length=200)] = ""
    reason: Note = ""
    withdraw: bool = False
    seen: SeenOrNone = None


class FileWish(BaseModel):
    """A part of a laboratory's file: its head and some lines of it."""

    name: Name
    text: Annotated[str, Field(max_length=60_000)]
    lines_before: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """How many lines of the file stand between its head and this part."""
    marks: Annotated[list[Literal[".", ","]], Field(max_length=2)] | None = None
    """What begins decimals in all parts of the file, as `…/marks` found it; None: this is all of it."""
    sampled_by: Note = ""
    laboratory: Note = ""


def add_samples_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and its acts to the application."""
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/samples", response_class=HTMLResponse)
    def show_samples(
        request: Request,
        station: Annotated[str, Query(max_length=100)] = "",
        lang: Language = "vi",
        by: Visitor = may_read,
    ) -> Response:
        """The samples of a station; without one, of the first that somebody may read."""
        with console.pool.connection() as conn:
            context = sheet_of_station(conn, request, by, lang, station)
            chosen = context["station"]
            found = samples.samples(conn, chosen, limit=SHOWN) if chosen else []
            drawn = laboratory_results.compared(conn, chosen) if chosen else []
            beside = drawn
            if len(drawn) == laboratory_results.MOST_COMPARED:  # there are more: perhaps of these samples
                beside = laboratory_results.compared(conn, samples=[one.sample_id for one in found], limit=None)
            context |= {
                "now": round(console.clock().timestamp() * 1000),
                "samples": found, "older": SAMPLES.earlier(conn, found), "steps": list(CustodyStep),
                "beside": {(one.row.sample_id, one.row.parameter): one for one in beside},
                "decimals": {name: parameter.decimals for name, parameter in measured().items()},
                "labels": {name: parameter.label for name, parameter in measured().items()},
                "names": parameter_names(lang), "methods": METHODS,
                "drawings": _drawings(conn, chosen, drawn, context),
                "tolerances": laboratory_results.comparison(conn).tolerances,
                "form": {"station": chosen, "samples": {one.sample_id: _filled(one) for one in found}},
                "may_write": by.may(DeskAct.SAMPLES, chosen) or by.login is None,
            }  # fmt: skip
        return templates.TemplateResponse(request, "samples.html", context)

    _add_sample_acts(app, console)


def _add_sample_acts(app: FastAPI, console: Console) -> None:
    may_keep_samples = Depends(Gate(console, DeskAct.SAMPLES))
    pool, clock = console.pool, console.clock
    add_entry_acts(app, console, DeskAct.SAMPLES, "samples", SAMPLES, SampleWish)

    @app.post("/api/stations/{station}/samples/{number}/step")
    def pass_on(station: str, number: EntryNumber, wish: StepWish, by: Visitor = may_keep_samples) -> dict[str, int]:
        """Enter a step of a sample's custody."""
        custody = Custody(wish.step, wish.done_at, wish.done_by, wish.words)
        with pool.connection() as conn, by.acting():
            samples.pass_on(conn, number, custody, by.name, clock(), wish.reason, station=station, seen=wish.seen)
        return {"sample_id": number}

    @app.post("/api/stations/{station}/samples/{number}/result")
    def enter_result(
        station: str, number: EntryNumber, wish: ResultWish, by: Visitor = may_keep_samples
    ) -> dict[str, int]:
        """Enter what a laboratory found, or take it back."""
        with pool.connection() as conn, by.acting():
            if wish.withdraw:
                laboratory_results.withdraw_result(
                    conn, number, wish.parameter, by.name, wish.reason, clock(), station=station, seen=wish.seen
                )
            else:
                result = LaboratoryResult(wish.parameter, wish.reported, wish.unit, wish.method)
                laboratory_results.enter_result(
                    conn, number, result, by.name, clock(), wish.reason, station=station, seen=wish.seen
                )
        return {"sample_id": number}

    @app.post("/api/stations/{station}/laboratory-file/marks", dependencies=[may_keep_samples])
    def marks(station: str, wish: FileWish) -> dict[str, list[str]]:
        """Tell what begins decimals in a part of a laboratory's file; nothing is taken in."""
        usual = Usual(station, wish.sampled_by, wish.laboratory)
        return {"marks": sorted(laboratory_file.marks_shown(wish.text, usual))}

    @app.post("/api/stations/{station}/laboratory-file")
    def take_file(request: Request, station: str, wish: FileWish, by: Visitor = may_keep_samples) -> dict[str, Any]:
        """Take a part of a laboratory's file in; lines of other stations are refused."""
        usual, content = Usual(station, wish.sampled_by, wish.laboratory), wish.text.encode()
        with pool.connection() as conn, by.acting():
            done = laboratory_import.import_file(conn, content, usual, by.name, clock(), wish.marks)
        language = language_of(request.headers.get("accept-language"))
        refused = [
            {"line": line.line + (wish.lines_before if line.line > 1 else 0), "column": line.column, "name": line.name,
             "why": refusal(line.why, language, console.watcher.zone)}
            for line in done.refused
        ]  # fmt: skip
        return {"new": done.new, "known": done.known, "refused": refused}


def parameter_names(language: Language) -> Mapping[str, str]:
    """Return the titles of what laboratories find, in the order of the catalogue. Pure."""
    return {name: one.title_vi if language == "vi" else one.title_en for name, one in measured().items()}


def _filled(sample: LaboratorySample) -> dict[str, Any]:
    """Return what a form about a sample is filled with; of steps and results the versions that are looked at."""
    return {
        "version": sample.version, "code": sample.code, "sampled_at": sample.sampled_at.timestamp() * 1000,
        "sampled_by": sample.sampled_by, "laboratory": sample.laboratory, "words": sample.words,
        "steps": {step: one.version for step, one in sample.custody.items()},
        "results": {one.parameter: one.version for one in reversed(sample.results)},
    }  # fmt: skip


def _drawings(
    conn: Connection, station: str, compared: Iterable[ComparedResult], context: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Return the title of each channel with a bias, and its drawing over time."""
    titled = channel_titles(conn, station, context["lang"])
    by_channel: dict[str, list[ComparedResult]] = {}
    for one in compared:
        if one.row.channel is not None and one.bias.difference is not None:
            by_channel.setdefault(one.row.channel, []).append(one)
    return [
        (title, bias_chart(by_channel[channel], title, context["lang"], context["zone"]))
        for channel, title in titled.items()
        if channel in by_channel
    ]
