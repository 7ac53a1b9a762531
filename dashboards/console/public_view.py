"""What the public pages say, worked out of figures at one moment; pages and their JSON twins show the same. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec
import numpy as np

from alerts.rules.tide import Tide
from dashboards.console.cap_message import CapAlarm
from dashboards.console.texts import Language
from quantrac.config.limits import DecreeLimit, in_force
from quantrac.config.network import Network
from quantrac.config.public import Crop, PublicPages, air_channel, measuring
from quantrac.config.tides import TIDE_PHASES, TidePhase
from quantrac.telemetry.indices.vn_aqi import CLASSES, class_of
from quantrac.telemetry.local_time import HOUR
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.slots import EPOCH
from reports.public.answer import (
    AHEAD,
    ASKED_FOR,
    SUSPECT,
    Answer,
    Finding,
    Hindrance,
    JudgedValue,
    answer_of,
    hindrance_of,
    judge,
)
from reports.public.figures import PublicFigures
from reports.public.tide_hours import PhasesAt, Series, TideOutlook, fit_hours, outlook

AIR_OLDEST: Final = timedelta(hours=2)
"""The index of an hour comes after its end and holds until the next one."""
DAY: Final = timedelta(days=1)


class PublicLimit(msgspec.Struct, frozen=True):
    """What a value is held against."""

    low: float | None
    high: float | None
    decree: str
    confirmed: bool
    """False: nobody has read the figure in its decree."""


class PublicValue(msgspec.Struct, frozen=True):
    """A channel's newest value and what it means."""

    channel: str
    parameter: str
    title: str
    unit: str
    value: float | None
    time: datetime | None
    quality: int | None
    stage: Literal["unreviewed", "reviewed"]
    finding: Finding
    limit: PublicLimit | None
    yesterday: float | None
    """Mean of the hour a day before; None: it is not valid."""
    change: float | None


class PublicIntake(msgspec.Struct, frozen=True):
    """May water be taken in now, for a crop?"""

    crop: str
    title: str
    answer: Answer
    hindrance: Hindrance
    reasons: list[PublicValue]
    values: list[PublicValue]
    not_measured: list[str]
    """Titles of what farmers ask for and the station does not measure."""
    not_judged: list[PublicValue]
    """What farmers ask for and the station measures, of which the limits of the crop do not speak."""
    yesterday: Answer
    """The same question for the hour a day before, by its means."""
    tide: str
    windows: list[tuple[datetime, datetime]]
    """When the tide is likely to allow it within a day; only with `tide` = hours."""
    tide_hours: int
    """Hours of the last week that this rests on."""
    tide_source: str | None


class PublicAir(msgspec.Struct, frozen=True):
    """VN_AQI of the last hour."""

    index: int | None
    """None: there is none, or it is too old."""
    finding: Finding
    hindrance: Hindrance
    time: datetime | None
    class_number: int | None
    """From 1, the best."""
    words: str
    advice: str
    stage: Literal["unreviewed", "reviewed"]


class PublicStation(msgspec.Struct, frozen=True):
    """A station as the public sees it."""

    station: str
    name: str
    commune: str
    commune_page: str
    last_message_at: datetime | None
    intake: list[PublicIntake]
    air: PublicAir | None


class PublicView(msgspec.Struct, frozen=True):
    """A page."""

    title: str
    operator: str
    computed_at: datetime
    read_at: datetime
    """When the database was read; long before `computed_at` where it is away."""
    time_zone: str
    stations: list[PublicStation]
    alarms: list[CapAlarm]
    """Those that an operator made public: what stands, then what is over."""


def slug(text: str) -> str:
    """Return a name as it stands in an address: `xa-tran-de`."""
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "d"))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", "-", letters.lower()).strip("-")


def communes(network: Network, public: PublicPages) -> dict[str, tuple[str, list[str]]]:
    """Return page name of a commune → its title and stations."""
    found: dict[str, tuple[str, list[str]]] = {}
    for name in public.stations:
        commune = network.stations[name].location.commune
        found.setdefault(slug(commune), (commune, []))[1].append(name)
    return found


def public_view(
    network: Network,
    public: PublicPages,
    figures: PublicFigures,
    stations: Iterable[str],
    title: str,
    now: datetime,
    language: Language,
) -> PublicView:
    """Return what a page of some stations says at `now`."""
    made, names = _View(network, public, figures, now, language), list(stations)
    told = [one for one in alarms_of(network, figures, language) if one.station in names]
    return PublicView(
        title, network.settings.operator.in_language(language), now, figures.read_at, network.zone.key,
        [made.station(name) for name in names], sorted(told, key=lambda one: one.ended_at is not None),
    )  # fmt: skip


def alarms_of(
    network: Network, figures: PublicFigures, language: Language, *, with_taken_back: bool = False
) -> list[CapAlarm]:
    """Return the public alarms in words, the newest first; with those taken back only for programs that took them.

    The figures may be older than the files: of a station that left `public` meanwhile nothing is told.
    """
    found, public = [], network.settings.public
    for row in figures.alarms:
        if public is None or row.station not in public.stations or (row.ended_at is not None and not with_taken_back):
            continue
        station = network.stations[row.station]
        title, description, instruction = (
            (each or {}).get(language) or (each or {}).get("vi", "")
            for each in (row.title, row.consequence, row.response)
        )
        ends = [end for end in (row.cleared_at, row.ended_at) if end is not None]
        told = [end for end in (row.noticed_over_at or row.cleared_at, row.ended_at) if end is not None]
        found.append(CapAlarm(
            row.alarm_id, row.severity, title, description, instruction, row.station,
            station.name.in_language(language), station.location.commune, row.raised_at, row.published_at,
            max(min(ends), row.published_at) if ends else None, row.changed_at,
            max(min(told), row.published_at) if told else None,
        ))  # fmt: skip
    return found


class _View:
    """The figures at one moment in one language."""

    def __init__(
        self, network: Network, public: PublicPages, figures: PublicFigures, now: datetime, language: Language
    ) -> None:
        self._network, self._public, self._figures, self._now, self._language = network, public, figures, now, language
        self._today = now.astimezone(network.zone).date()
        self._oldest = timedelta(milliseconds=public.oldest_ms)

    def station(self, name: str) -> PublicStation:
        station, last = self._network.stations[name], self._figures.last_message_at.get(name)
        hindrance = hindrance_of(last, self._now, in_maintenance=name in self._figures.maintained)
        return PublicStation(
            name,
            station.name.in_language(self._language),
            station.location.commune,
            slug(station.location.commune),
            last,
            [
                self._intake(name, word, crop, hindrance)
                for word, crop in self._public.crops.items()
                if name in crop.stations
            ],
            self._air(name, hindrance) if name in self._public.air else None,
        )

    def _intake(self, name: str, word: str, crop: Crop, hindrance: Hindrance) -> PublicIntake:
        judged, series = self._judged(name, crop)
        is_warned = any(alarm.station == name and alarm.stands for alarm in self._figures.alarms)
        answer = answer_of(judged, hindrance, is_warned=is_warned)
        fits = fit_hours(zip([one.limit for one in judged], series, strict=True))
        shown = {one.channel: self._value(one, hours) for one, hours in zip(judged, series, strict=True)}
        tide = self._tide(name, fits)
        left = [one for one in ASKED_FOR if one not in {value.parameter for value in judged}]
        station = self._network.stations[name]
        return PublicIntake(
            word,
            crop.title.in_language(self._language),
            answer.answer,
            answer.hindrance,
            [shown[one.channel] for one in answer.reasons],
            list(shown.values()),
            [self._title(one) for one in left if not measuring(station, one)],
            [self._not_judged(f"{name}/{each.name}", one) for one in left for each in measuring(station, one)],
            _yesterday(fits, self._now),
            tide.word,
            [*tide.windows],
            tide.hours,
            next((place.source for place in self._network.settings.tides.values() if name in place.stations), None),
        )

    def _judged(self, name: str, crop: Crop) -> tuple[list[JudgedValue], list[Series]]:
        judged, series = [], []
        for full in crop.limits:
            _, parameter, case = full.split("/")
            of_limit = {full: self._network.limits[full]}
            limit = next(iter(in_force(of_limit, parameter, self._today, case=case)), None)
            for channel in measuring(self._network.stations[name], parameter):
                key = f"{name}/{channel.name}"
                newest = self._figures.newest.get(key)
                judged.append(judge(key, parameter, newest, limit, self._now, self._oldest))
                series.append(self._figures.hours.get(key, {}))
        return judged, series

    def _not_judged(self, channel: str, parameter: str) -> PublicValue:
        newest = self._figures.newest.get(channel)
        judged = judge(channel, parameter, newest, None, self._now, self._oldest)
        return self._value(judged, self._figures.hours.get(channel, {}))

    def _value(self, one: JudgedValue, hours: Series) -> PublicValue:
        newest = one.newest
        before = None if newest is None else _a_day_before(hours, newest.time)
        value = None if newest is None else newest.value
        known = CATALOGUE[one.parameter]
        return PublicValue(
            one.channel, one.parameter, self._title(one.parameter), known.label, value,
            None if newest is None else newest.time, None if newest is None else newest.quality,
            "reviewed" if newest is not None and newest.is_reviewed else "unreviewed",
            one.finding, _limit(one.limit), before, None if before is None or value is None else value - before,
        )  # fmt: skip

    def _tide(self, name: str, fits: dict[datetime, bool]) -> TideOutlook:
        place = next((one for one in self._network.settings.tides.values() if name in one.stations), None)
        if place is None:
            return outlook(fits, None, self._now)
        tide = Tide(tuple((word, one.amplitude, one.lag) for word, one in place.constituents.items()))
        return outlook(fits, _phases_of(tide), self._now)

    def _air(self, name: str, hindrance: Hindrance) -> PublicAir:
        channel = air_channel(self._network.stations[name])
        newest = self._figures.newest.get(f"{name}/{channel}")
        finding = Finding.MISSING
        if newest is not None and newest.value is not None:
            is_new = -AHEAD <= self._now - newest.time <= AIR_OLDEST
            finding = Finding.OLD if not is_new else Finding.FAILED if newest.quality > SUSPECT else Finding.FINE
        if newest is None or newest.value is None or finding is not Finding.FINE or hindrance is not Hindrance.NONE:
            time = None if newest is None else newest.time
            return PublicAir(None, finding, hindrance, time, None, "", "", "unreviewed")
        found = class_of(newest.value)
        return PublicAir(
            round(newest.value), finding, hindrance, newest.time, CLASSES.index(found) + 1,
            found.words.in_language(self._language), found.advice.in_language(self._language),
            "reviewed" if newest.is_reviewed else "unreviewed",
        )  # fmt: skip

    def _title(self, parameter: str) -> str:
        known = CATALOGUE[parameter]
        return known.title_vi if self._language == "vi" else known.title_en


def _limit(limit: DecreeLimit | None) -> PublicLimit | None:
    return None if limit is None else PublicLimit(limit.low, limit.high, limit.decree, limit.confirmed)


def _a_day_before(hours: Series, time: datetime) -> float | None:
    """Return the mean of the hour in which it was this time yesterday."""
    return next((value for end, value in hours.items() if time - DAY <= end < time - DAY + HOUR), None)


def _yesterday(fits: dict[datetime, bool], now: datetime) -> Answer:
    was_fit = next((fit for end, fit in fits.items() if now - DAY <= end < now - DAY + HOUR), None)
    return Answer.UNKNOWN if was_fit is None else Answer.YES if was_fit else Answer.NO


def _phases_of(tide: Tide) -> PhasesAt:
    def phases_at(times: Sequence[datetime]) -> Sequence[TidePhase]:
        found = tide.phases(np.array([round((time - EPOCH).total_seconds() * 1000) for time in times]))
        return [TIDE_PHASES[phase] for phase in found]

    return phases_at
