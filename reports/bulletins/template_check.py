"""Tries every template of bulletins, a network's own ones too, with example figures of a period that has everything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from quantrac.config.bulletins import BulletinKind
from quantrac.config.limits import Averaging, DecreeLimit
from quantrac.config.network import Network
from quantrac.telemetry.words import Words
from reports.bulletins.air import air_figures
from reports.bulletins.bulletin import BulletinDraft, given_to
from reports.bulletins.daily_values import DayValue
from reports.bulletins.overall import (
    AlarmCount,
    alarm_figures,
    completeness_figures,
    limit_figures,
    months_of,
    station_figures,
)
from reports.bulletins.periods import BulletinPeriod, period_before
from reports.bulletins.templates import ASSEMBLED, LANGUAGES, PARTS, SHIPPED, BadTemplate, TemplateFinding, Templates
from reports.bulletins.water import BulletinPlace, water_figures
from reports.completeness.days import ChannelPeriod
from reports.limits.exceedances import Exceedance
from reports.limits.report import ChannelExceedance

EXAMPLE_AT: Final = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
PLACES: Final = (
    BulletinPlace("st-a", Words("Trạm thử A", "Example A")), BulletinPlace("st-b", Words("Trạm thử B", "Example B")),
    BulletinPlace("st-c", Words("Trạm thử C", "Example C")),
)  # fmt: skip
LIMITS: Final = (
    ("salinity", 5.0, 35.0, True), ("ph", 7.0, 9.0, True), ("do", 3.5, None, True), ("nh3", None, 0.3, False),
)  # fmt: skip
SALINITY: Final = {"st-a": 12.0, "st-b": 2.0}


def template_files(config: Path) -> Iterator[tuple[str, Path]]:
    """Yield each template's name and the file that is used."""
    templates = Templates(config, LANGUAGES[0])
    own = templates.own.iterdir() if templates.own.is_dir() else ()
    for name in sorted({file.name for file in (*SHIPPED.iterdir(), *own) if file.suffix in (".txt", ".html")}):
        yield name, templates.place_of(name)


def check_templates(network: Network) -> list[str]:
    """Return what is wrong with templates, `file:line: problem` each."""
    found: list[TemplateFinding | str] = [*_unknown(network.root)]
    for language in LANGUAGES:
        templates = Templates(network.root, language)
        for name, _ in template_files(network.root):
            found += templates.misfits(name) if f".{language}." in name or name == "layout.html" else ()
        for kind in BulletinKind:
            found += _tried(network, templates, kind)
    return list(dict.fromkeys(map(str, found)))


def _unknown(config: Path) -> Iterator[str]:
    """Yield files of a network's own that stand in the place of no template."""
    endings = {
        part: "html" if part == "page" else "txt" for part in (*ASSEMBLED, *(p for one in PARTS.values() for p in one))
    }
    known = {"layout.html", *(f"overall.{language}.html" for language in LANGUAGES)} | {
        f"{prefix}{part}.{language}.{ending}"
        for part, ending in endings.items()
        for language in LANGUAGES
        for prefix in ("", *(f"{kind}." for kind in BulletinKind))
    }  # fmt: skip
    for name, file in template_files(config):
        if name not in known:
            yield f"{file}:1: found the name {name}, expected one as note.vi.txt or water-week.page.vi.html"


def _tried(network: Network, templates: Templates, kind: BulletinKind) -> Iterator[str]:
    period = period_before(kind, EXAMPLE_AT.date())
    draft = BulletinDraft(kind, period, example(kind, period), EXAMPLE_AT)
    given = given_to(draft, network, templates.language)
    words: dict[str, str] = {}
    for part in (*PARTS[kind], *ASSEMBLED):
        try:
            words[part] = templates.write(kind, part, given | ({"words": words} if part in ASSEMBLED else {}))
        except BadTemplate as error:
            yield str(error)
            words[part] = ""


def example(kind: BulletinKind, period: BulletinPeriod) -> dict[str, Any]:
    """Return figures of made-up stations: one where all is well, one beyond limits, one that measures nothing. Pure."""
    limits = [
        DecreeLimit(
            name=f"example/{parameter}/pond", decree="QCVN", article=Words("bảng 1", "table 1"),
            parameter=parameter, case="pond", title=Words("ao", "pond"), average=Averaging.VALUE,
            low=low, high=high, first=None, last=None, confirmed=sure,
        )
        for parameter, low, high, sure in LIMITS
    ]  # fmt: skip
    if kind is BulletinKind.AIR_MONTH:
        return {"stations": _air(period)}
    if kind in (BulletinKind.MONTH, BulletinKind.YEAR):
        return _overall(period, limits)
    before = [day - timedelta(days=364) for day in period.days]
    return water_figures(PLACES, limits, _values(period.days[1:] or period.days), _values(before), period.days, before)


def _air(period: BulletinPeriod) -> list[dict[str, Any]]:
    """Return a month with days of every class, one that lacks, and a station of which nothing is known."""
    values = [
        DayValue("st-a", "st-a/aqi", "vn_aqi", day, 40.0 * (day.day % 9) + 20, None, None, True, day.day % 2 == 0)
        for day in period.days[1:]
    ]
    return air_figures({"st-a/aqi": PLACES[0], "st-b/aqi": PLACES[1]}, values, period.days)


def _overall(period: BulletinPeriod, limits: list[DecreeLimit]) -> dict[str, Any]:
    values = _values(period.days[1:] or period.days)
    exceeded = [
        ChannelExceedance("st-b", "st-b/salinity", Exceedance(limits[0], 24, 3, 2.0, EXAMPLE_AT)),
        ChannelExceedance("st-a", "st-a/nh3", Exceedance(limits[3], 24, 0)),
    ]
    shares = [
        ChannelPeriod("st-a", "st-a/do", period.first, 1000, 990, 980),
        ChannelPeriod("st-b", "st-b/do", period.first, 1000, 400, 300),
    ]
    return {
        "stations": station_figures(PLACES, values, period.days),
        "months": months_of(PLACES, values, period.days) if len(period.days) > 31 else [],
        "completeness": completeness_figures(PLACES, shares), "limits": limit_figures(PLACES, exceeded),
        "alarms": alarm_figures(PLACES, [AlarmCount("st-a", "high", 2)]), "air": _air(period),
    }  # fmt: skip


def _values(days: list[Any]) -> list[DayValue]:
    return [
        DayValue(station, f"{station}/{parameter}", parameter, day, value, value - 1, value + 1, True, day.day % 2 == 0)
        for station, salinity in SALINITY.items()
        for parameter, value in (("salinity", salinity), ("do", 4.0), ("ph", 7.5))
        for day in days
    ]
