"""The library of rules: all of them, and one with its texts and a form to try other limits."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Final, NamedTuple

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from alerts.performance import RaisedCount, raised_counts
from alerts.rules.rule import ChannelRule
from dashboards.console import rule_library
from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.rule_library import RuleLibrary, in_force, messages, trial_groups
from dashboards.console.sheet import frame
from dashboards.console.texts import Language
from dashboards.console.titles import parameter_title
from quantrac.config.composites import Composite
from quantrac.config.findings import ConfigErrors
from quantrac.config.rule_edits import place_of
from quantrac.config.rules import Rule, levels_on
from quantrac.database.time_zone import time_zone
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.parameters import CATALOGUE

COUNTED: Final = timedelta(days=30)
ORDER: Final = {name: place for place, name in enumerate(CATALOGUE)}
Word = Annotated[str, Query(max_length=200)]
Counts = Mapping[tuple[str, str], RaisedCount]


class RuleSummary(NamedTuple):
    """A rule in the list."""

    name: str
    title: str
    parameters: list[str]
    compared: str
    in_force: str
    stations: list[str]
    """Their names."""
    levels: list[tuple[str, str]]
    """Severity and words, the worst first, at most of the stations."""
    differs: int
    """Stations with other levels."""
    raised: RaisedCount


class RulePlace(NamedTuple):
    """A rule at one station."""

    station: str
    name: str
    channels: list[str]
    levels: list[tuple[str, str]]
    raised: RaisedCount


def add_rules_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the pages to the application."""
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/rules", response_class=HTMLResponse)
    def rules(
        request: Request, lang: Language = "vi", station: Word = "", parameter: Word = "", by: Visitor = may_read
    ) -> Response:
        """Every rule in force, by what it watches and where."""
        context, library, counts = _frame(console, request, by, lang)
        if library is None:
            return templates.TemplateResponse(request, "rules.html", context | {"groups": None}, 503)
        context |= _every_rule(library, by, station, parameter, counts, lang)
        return templates.TemplateResponse(request, "rules.html", context)

    @app.get("/rules/{rule}", response_class=HTMLResponse)
    def one_rule(
        request: Request, rule: str, lang: Language = "vi", station: Word = "", by: Visitor = may_read
    ) -> Response:
        """One rule: what it watches, what people get, and a form to try other limits."""
        context, library, counts = _frame(console, request, by, lang)
        known = None if library is None else library.rule(rule)
        if library is None or known is None:
            return templates.TemplateResponse(
                request, "rules.html", context | {"groups": None}, 404 if library else 503
            )
        today = console.clock().astimezone(library.network.zone).date()
        context |= _one_rule(library, rule, known, by, station, counts, lang)
        context |= {"first": today - timedelta(days=364), "last": today}
        return templates.TemplateResponse(request, "rule.html", context)


def _every_rule(
    library: RuleLibrary, by: Visitor, station: str, parameter: str, counts: Counts, lang: Language
) -> dict[str, Any]:
    watched = library.stations(by.stations)
    shown, is_limited = watched & {station} if station else watched, by.stations is not None
    found = [
        summary
        for name in library.watched
        if (not parameter or parameter in library.parameters(name))
        and ((summary := _summary(library, name, shown, counts, lang)).stations or not (station or is_limited))
    ]
    return {
        "groups": _grouped(found, lang),
        "station": station,
        "parameter": parameter,
        "named": {name: library.station_name(name, lang) for name in sorted(watched)},
        "measured": {
            one: parameter_title(one, lang)
            for one in sorted({p for name in library.watched for p in library.parameters(name)}, key=_rank)
        },
    }


def _one_rule(
    library: RuleLibrary,
    name: str,
    rule: Rule | Composite,
    by: Visitor,
    station: str,
    counts: Counts,
    lang: Language,
) -> dict[str, Any]:
    within = library.stations(by.stations)
    own = library.at(name, within)
    shown = next((one for one in own if one.station == station), own[0] if own else None)
    return {
        "rule": rule,
        "parameter_titles": [parameter_title(one, lang) for one in library.parameters(name)],
        "shown_name": "" if shown is None else library.station_name(shown.station, lang),
        "summary": _summary(library, name, within, counts, lang),
        "places": list(_places(library, name, within, counts, lang)),
        "shown": shown,
        "told": [
            (one, rule_library.told(library.network, one, lang))
            for one in reversed(levels_on(shown.levels, library.day))
        ]
        if shown is not None
        else [],
        "messages": list(messages(shown, library)) if shown is not None else [],
        "trial_groups": [
            group._replace(stations=[library.station_name(one, lang) for one in group.stations if one in within])
            for group in trial_groups(library, name, lang)
            if within & set(group.stations)
        ],
        "file": _file_of(library, name),
    }


def _file_of(library: RuleLibrary, rule: str) -> str:
    """Return where a rule stands; empty while the files on disk cannot be read: those in force are older."""
    try:
        return place_of(library.network, rule)
    except ConfigErrors:
        return ""


def _frame(
    console: Console, request: Request, by: Visitor, language: Language
) -> tuple[dict[str, Any], RuleLibrary | None, Counts]:
    with console.pool.connection() as conn:
        zone, counts = time_zone(conn), raised_counts(conn, console.clock() - COUNTED)
    return frame(request, by, language, zone, request.query_params), console.library(), counts


def _summary(
    library: RuleLibrary, name: str, stations: frozenset[str], counts: Counts, language: Language
) -> RuleSummary:
    rule = library.rule(name)
    assert rule is not None
    own = library.at(name, stations)
    sets: dict[Hashable, list[ChannelRule]] = {}
    for one in own:
        sets.setdefault(_alike(one), []).append(one)
    usual = max(sets.values(), key=len, default=[])
    places = {one.station for one in own}
    return RuleSummary(
        name,
        rule.title.in_language(language),
        library.parameters(name),
        rule_library.compared(rule, language),
        in_force(rule, language),
        sorted(library.station_name(station, language) for station in places),
        _levels(usual[0], library.day, language) if usual else [],
        len(places - {one.station for one in usual}),
        _added(counts.get((name, station)) for station in places),
    )


def _places(
    library: RuleLibrary, name: str, stations: frozenset[str], counts: Counts, language: Language
) -> Iterator[RulePlace]:
    by_station: dict[str, list[ChannelRule]] = {}
    words: dict[Hashable, list[tuple[str, str]]] = {}
    for one in library.at(name, stations):
        by_station.setdefault(one.station, []).append(one)
        if _alike(one) not in words:
            words[_alike(one)] = _levels(one, library.day, language)
    for station, own in sorted(by_station.items(), key=lambda one: library.station_name(one[0], language)):
        yield RulePlace(
            station,
            library.station_name(station, language),
            [rule_library.channel_title(library, one.channel, language) for one in own if "/" in one.channel]
            or [parameter_title(parameter, language) for parameter in library.parameters(name)],
            words[_alike(own[0])],
            counts.get((name, station), RaisedCount(0, 0)),
        )


def _alike(rule: ChannelRule) -> Hashable:
    """Return what the words of its levels follow from: hundreds of stations have the same."""
    return rule.levels, rule.unit, rule.texts.has_value


def _levels(rule: ChannelRule, day: date, language: Language) -> list[tuple[str, str]]:
    levels = reversed(levels_on(rule.levels, day))
    return [(one.severity.word, rule_library.level_words(rule, one, language)) for one in levels]


def _added(found: Iterable[RaisedCount | None]) -> RaisedCount:
    every = [one for one in found if one is not None]
    return RaisedCount(sum(one.alarms for one in every), sum(one.false for one in every))


def _rank(parameter: str) -> int:
    return ORDER.get(parameter, len(ORDER))


def _grouped(found: list[RuleSummary], language: Language) -> list[tuple[str, list[RuleSummary]]]:
    """Return rules under what they watch, in the order of the catalogue."""
    groups: dict[str, list[RuleSummary]] = {}
    for one in sorted(found, key=lambda one: (_rank(one.parameters[0]), one.title)):
        groups.setdefault(parameter_title(one.parameters[0], language), []).append(one)
    return list(groups.items())
