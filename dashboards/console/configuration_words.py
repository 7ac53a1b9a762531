"""What pages say of configuration files, as far as somebody may know: mistakes, and what applying would change."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from dashboards.console.admission import Visitor
from dashboards.console.context import Console
from dashboards.console.problem_words import problem_words
from dashboards.console.refusals import language_of
from dashboards.console.texts import Language, texts
from quantrac.config.config_folder import ConfigFolder
from quantrac.config.findings import ConfigErrors, Problem
from quantrac.desks import config_files
from quantrac.desks.network import Foreseen, ForeseenNetwork
from quantrac.desks.roles import DeskAct

MOST_PROBLEMS: Final = 200
"""Mistakes that a page is told of; a bad file may have thousands."""


def configurable(by: Visitor) -> frozenset[str] | None:
    """Return the stations whose files somebody may look at; None: all. Pure."""
    if by.token is not None:
        return by.token.stations
    found = by.acts.get(DeskAct.CONFIGURE.value, [])
    return None if found is None else frozenset(found)


def problem_rows(
    problems: Iterable[Problem], folder: ConfigFolder, by: Visitor, language: Language
) -> list[dict[str, Any]]:
    """Return mistakes as the pages show them, at most MOST_PROBLEMS. Pure.

    Of another station's file somebody learns where the mistake stands; of contacts only who may see them learns what
    was found.
    """
    text, within = texts(language), configurable(by)
    rows = []
    for one in islice(problems, MOST_PROBLEMS):
        problem = config_files.named(one, folder)
        key, words = problem.key, problem_words(problem.message, language)
        *_, place, name = ("", *problem.file.split("/"))
        if within is not None and place == "stations" and name.removesuffix(".yaml") not in within:
            key, words = "", text["file_problem_of_others"]
        elif key.partition(".")[0] == "contacts" and not by.sees_people:
            key, words = "contacts", text["file_problem_of_people"]
        rows.append({"file": problem.file, "line": problem.line, "column": problem.column, "key": key, "words": words})
    return rows


def caution_words(cautions: Iterable[str], by: Visitor, language: Language) -> list[str]:
    """Return what is allowed and hardly meant: of somebody's stations, and of the network for who has all. Pure."""
    within = configurable(by)
    return [problem_words(one, language) for one in cautions if within is None or one.partition(": ")[0] in within]


def mistakes_answer(request: Request, console: Console, by: Visitor, errors: ConfigErrors) -> Response:
    """Return the answer to an act that the files' mistakes forbid."""
    language = language_of(request.headers.get("accept-language"))
    found = problem_rows(errors.problems, console.files, by, language)
    return JSONResponse({"error": texts(language)["file_mistakes_first"], "problems": found}, 422)


def foreseen_effects(found: ForeseenNetwork, within: frozenset[str] | None, language: Language) -> dict[str, Any]:
    """Return what applying would do as the pages show it: to stations of somebody's, and to the settings. Pure."""
    unset = texts(language)["setting_unset"]
    settings = [
        {"name": name, "before": _setting_words(before, unset), "after": _setting_words(after, unset)}
        for name, before, after in found.settings
    ]
    stations = _station_rows(found.stations, within, language)
    return {"stations": stations, "settings": settings, "of_all": within is None}


def _setting_words(value: Any, unset: str) -> str:
    """Return a value as network.yaml spells it."""
    return unset if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _station_rows(found: Iterable[Foreseen], within: frozenset[str] | None, language: Language) -> list[dict[str, Any]]:
    """Return in words what applying would do to each station, and whether its agent runs with these files. Pure."""
    text = texts(language)
    rows = []
    for applied, agent in found:
        if within is not None and applied.station not in within:
            continue
        lists = (("+", applied.added), ("~", applied.changed), ("−", applied.removed))
        channels = [f"{mark} {', '.join(names)}" for mark, names in lists if names]
        is_change = applied.outcome != "unchanged"
        if is_change or agent == "other":
            rows.append({
                "station": applied.station, "outcome": text[f"apply_{applied.outcome}"], "channels": channels,
                "agent": text[f"agent_{agent}"], "changes": is_change,
            })  # fmt: skip
    return rows
