"""The wall clock of Vietnam: how people write times, and how they are shown. What is stored and sent is UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

LOCAL: Final = ZoneInfo("Asia/Ho_Chi_Minh")


def moment(text: str) -> datetime:
    """Read a date or a time; without an offset it is local. Returns UTC; raises ValueError."""
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=LOCAL)).astimezone(UTC)


def shown(time: datetime) -> str:
    """Return an aware time as local date and time, to the second."""
    return f"{time.astimezone(LOCAL):%Y-%m-%d %H:%M:%S}"
