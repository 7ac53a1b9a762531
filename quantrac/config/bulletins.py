"""Bulletins (`network.yaml`): when each is made, to whom it goes, and against which limits its figures are held."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator

from quantrac.config.fields import Kebab, Model, matching, refused
from quantrac.telemetry.due_times import EXPECTED, OnDays, parse_due


class BulletinKind(StrEnum):
    """What a bulletin is about, and how much time."""

    WATER_WEEK = "water-week"
    """The water of a week, against the limits of water for ponds."""
    FARMERS_DAY = "farmers-day"
    """The same of yesterday, in a few words for a telephone."""
    AIR_MONTH = "air-month"
    """A calendar of VN_AQI."""
    MONTH = "month"
    """Everything of a month."""
    YEAR = "year"


def _on_days(text: str) -> str:
    try:
        if isinstance(parse_due(text), OnDays):
            return text
    except ValueError:
        pass
    raise refused(EXPECTED)


class BulletinPlan(Model):
    """When a bulletin is made as a draft, and to whom it goes once a person has approved it."""

    at: Annotated[str, AfterValidator(_on_days)]
    """Local: `monday 06:30`, `daily 05:30`, `monthly 2 07:00`, `yearly 01-05 07:00`."""
    to: tuple[Kebab, ...] = ()
    """Groups; a person in several gets it once."""
    by: tuple[Literal["sms", "email"], ...] = ("email",)
    limits: tuple[
        Annotated[
            str, matching(r"[a-z0-9-]+/[a-z0-9-]+", "a file of limits and its case, such as qcvn-02-19-2014/pond")
        ],
        ...,
    ] = ()
    """Of the water bulletins the first one; of a month and a year all are held against the hourly values."""
