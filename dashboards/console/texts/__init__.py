"""The texts of the console in Vietnamese and English, a module a page."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from dashboards.console.texts import (
    accounts,
    alarms,
    aqi,
    audit,
    bulletins,
    charts,
    completeness,
    equipment,
    every_page,
    exports,
    field_book,
    files,
    jobs,
    limits,
    linked,
    ministry,
    overview,
    people,
    public,
    rules,
    shift,
    stages,
    trace,
    workbench,
)

Language = Literal["vi", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("vi", "en")

GROUPS: Final = (
    every_page.TEXTS,
    accounts.TEXTS,
    alarms.TEXTS,
    aqi.TEXTS,
    audit.TEXTS,
    bulletins.TEXTS,
    charts.TEXTS,
    completeness.TEXTS,
    equipment.TEXTS,
    exports.TEXTS,
    field_book.TEXTS,
    files.TEXTS,
    jobs.TEXTS,
    limits.TEXTS,
    linked.TEXTS,
    ministry.TEXTS,
    overview.TEXTS,
    people.TEXTS,
    public.TEXTS,
    rules.TEXTS,
    shift.TEXTS,
    stages.TEXTS,
    trace.TEXTS,
    workbench.TEXTS,
)
TEXTS: Final = {key: pair for group in GROUPS for key, pair in group.items()}
"""Key → (Vietnamese, English); a key stands in one group only."""


_BY_LANGUAGE: Final = {
    language: MappingProxyType({key: pair[at] for key, pair in TEXTS.items()}) for at, language in enumerate(LANGUAGES)
}


def texts(language: Language) -> Mapping[str, str]:
    """Return all texts in one language."""
    return _BY_LANGUAGE[language]
