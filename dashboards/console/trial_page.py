"""The trial of other limits of a rule on the past: asked for on its page, told step by step, ended by a proposal."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final, NamedTuple

import psycopg
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.templating import Jinja2Templates
from psycopg.errors import QueryCanceled
from pydantic import BaseModel, Field

from alerts.trials.backtest_run import run_backtest
from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.problem_words import problem_words
from dashboards.console.refusals import NotFound, language_of, refusal
from dashboards.console.rule_library import RuleLibrary, channel_title
from dashboards.console.rule_trial import MOST_ROWS, drawn, lasted, outcome
from dashboards.console.sheet import BoundedDay
from dashboards.console.stepwise import Progress, told_stepwise
from dashboards.console.texts import Language, texts
from dashboards.console.watcher import NothingSeenYet
from quantrac.config.config_folder import digest_of
from quantrac.config.findings import ConfigErrors
from quantrac.config.rule_edits import KINDS, RuleEdit, RuleProposal, numbered, propose_rules
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.errors import QuantracError, TranslatableError
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.words import counted

LONGEST: Final = timedelta(days=366)
MOST_ALARMS: Final = 50_000
"""Of a set of rules that is tried: memory is for every page."""
READ: Final = 0.95
"""Share of a trial that is done when its back-test is."""
MOST_EDITS: Final = 100


class BadTrial(TranslatableError):
    """A trial cannot be made as it was asked for; the text says what is expected."""


class TrialWish(BaseModel):
    """The body of a trial: local days, both included, and other values by their keys behind the rule's name."""

    first: BoundedDay
    last: BoundedDay
    station: Annotated[str, Field(max_length=200)] = ""
    """Only this one; empty: all that the person may read."""
    edits: Annotated[
        dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=40)]],
        Field(max_length=MOST_EDITS),
    ]


def add_trial(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the trial to the application."""
    templates.env.filters["lasted"] = lasted

    @app.post("/api/rules/{rule}/trial")
    def trial(
        request: Request, rule: str, wish: TrialWish, by: Visitor = Depends(Gate(console, DeskAct.READ))
    ) -> Response:
        """Try other limits and delays on the past, told step by step: `progress`, then `done` or `refused`."""
        language = language_of(request.headers.get("accept-language"))
        try:
            asked = _asked(console, rule, wish, by)
        except ConfigErrors as errors:
            return JSONResponse(_refused(errors, rule, by, language), 422)
        work = partial(_try, console, templates, asked, language)
        said = told_stepwise(work, partial(_reason, language=language, console=console))
        return StreamingResponse(said, media_type="text/event-stream")


class AskedTrial(NamedTuple):
    """What is tried, and for whom."""

    library: RuleLibrary
    rule: str
    proposal: RuleProposal
    wish: TrialWish
    stations: frozenset[str]
    by: Visitor

    @property
    def names(self) -> bool:
        """Whether the person may see who would be told."""
        return self.by.may(DeskAct.COMMENT, None)

    @property
    def configures(self) -> bool:
        """Whether the person may change the files."""
        return self.by.may(DeskAct.CONFIGURE, None)


def _asked(console: Console, rule: str, wish: TrialWish, by: Visitor) -> AskedTrial:
    """Return what somebody wants to try. Raises NotFound, BadTrial, BadEdit, and ConfigErrors where files are wrong."""
    library = console.library()
    if library is None or library.rule(rule) is None:
        raise NotFound("there is no rule {rule}", rule=rule)
    within = library.stations(by.stations)
    if wish.station and wish.station not in within:
        raise NotFound("there is no station {station}", station=wish.station)
    if wish.last > console.clock().astimezone(library.network.zone).date():
        raise BadTrial("the last day {last} lies in the future: expected today or before", last=wish.last)
    if not wish.edits or not timedelta(0) <= wish.last - wish.first < LONGEST:
        raise BadTrial("expected a changed limit or delay, and at most {days} days", days=LONGEST.days)
    edits = [RuleEdit.parse(f"{rule}.{key}={value}") for key, value in wish.edits.items()]
    proposal = propose_rules(library.network, edits)
    return AskedTrial(library, rule, proposal, wish, frozenset({wish.station}) if wish.station else within, by)


def _try(
    console: Console, templates: Jinja2Templates, asked: AskedTrial, language: Language, progress: Progress
) -> dict[str, Any]:
    """Return what the page shows of a trial, when it has had its turn."""
    with console.trial_turn(asked.by.account):
        found = _found(console, templates, asked, language, progress)
    progress(1.0)
    return found


def _found(
    console: Console, templates: Jinja2Templates, asked: AskedTrial, language: Language, progress: Progress
) -> dict[str, Any]:
    """Return what the page shows of a trial."""
    network, wish, proposal = asked.library.network, asked.wish, asked.proposal
    with console.long_read() as conn:
        report = run_backtest(
            conn, network, wish.first, wish.last,
            new=proposal.changed, stations=asked.stations, most_alarms=MOST_ALARMS,
            progress=lambda share: progress(READ * share),
        )  # fmt: skip
    zone, found = network.zone, outcome(report, network, proposal, wish.first, wish.last)
    progress(READ)
    charts = drawn(report, asked.library, proposal, asked.rule, asked.stations, language)
    progress(READ)
    context = {
        "found": found,
        "doubts": [problem_words(doubt, language) for doubt in found.doubts],
        "asked": asked, "diff": list(numbered(proposal.diff)), "most": MOST_ROWS, "lang": language, "zone": zone,
        "t": texts(language),
        "channel_title": partial(channel_title, asked.library, language=language, with_station=True),
    }  # fmt: skip
    first, after = (datetime.combine(day, datetime.min.time(), zone) for day in (wish.first, wish.last))
    return {
        "html": templates.get_template("rule_trial.html").render(context),
        "channels": [_described(asked.library, channel, language) | shown for channel, shown in charts.items()],
        "from": round(first.timestamp() * 1000),
        "to": round((after + timedelta(days=1)).timestamp() * 1000),
        "diff": proposal.diff,
        "reason": texts(language)["trial_reason"].format(
            rule=asked.rule,
            days=counted(found.days, texts(language)["unit_d"]),
            before=found.before,
            after=found.after,
            false=found.judged.false_gone,
            lost=found.judged.others_lost,
        ),
        "files": [
            {"name": file.name, "text": file.after, "opened": digest_of(file.before.encode())}
            for file in proposal.files
        ],
    }


def _reason(error: QuantracError | psycopg.OperationalError, language: Language, console: Console) -> str:
    if isinstance(error, QueryCanceled):
        error = QuantracError("this took too long and was stopped: ask for less, or try again")
    elif not isinstance(error, QuantracError):
        error = NothingSeenYet("the console cannot reach the database")
    return refusal(error, language, console.watcher.zone)


def _refused(errors: ConfigErrors, rule: str, by: Visitor, language: Language) -> dict[str, Any]:
    """Return why files would be wrong: of the rule with its field, elsewhere to whoever may change the files."""
    said, found = texts(language), list[dict[str, str]]()
    for problem in errors.problems:
        kind, _, place = problem.key.partition(".")
        key = place.removeprefix(f"{rule}.") if kind in KINDS and place.startswith(f"{rule}.") else ""
        words = f"{problem.file}:{problem.line}: {problem_words(problem.message, language)}"
        if key:
            words = said.get(f"rule_wrong_{key.rpartition('.')[2]}", words)
        elif not by.may(DeskAct.CONFIGURE, None):
            words = said["rule_files_wrong"]
        if (row := {"key": key, "words": words}) not in found:
            found.append(row)
    return {"error": said["rule_refused"], "problems": found}


def _described(library: RuleLibrary, channel: str, language: Language) -> dict[str, Any]:
    """Return what a chart must know of a channel."""
    station, _, name = channel.partition("/")
    parameter = CATALOGUE[
        next(one.parameter for one in library.network.stations[station].all_channels() if one.name == name)
    ]
    return {
        "id": channel, "title": channel_title(library, channel, language, with_station=True),
        "unit": parameter.label, "decimals": parameter.decimals, "resolution": parameter.resolution,
        "stepped": parameter.kind.value == "last",
    }  # fmt: skip
