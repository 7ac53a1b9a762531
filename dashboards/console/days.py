"""Days of a form, as times. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Query

Day = Annotated[str, Query(pattern="^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]


def day_begins(text: str, zone: ZoneInfo, later: int = 0) -> datetime | None:
    """Return the beginning of a day in a zone, so many days later; None for what is no day."""
    try:
        return datetime.combine(date.fromisoformat(text) + timedelta(days=later), time(), zone)
    except (ValueError, OverflowError):
        return None
