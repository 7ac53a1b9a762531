"""An example of the short message that people would get of a rule's level at a station. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerts.alarm.change import Purpose
from alerts.rules.rule import ChannelRule
from alerts.rules.trend import Trend
from alerts.telling.notice import Notice, worded
from alerts.telling.short_message import short_message
from quantrac.config.rules import Level, Side
from quantrac.telemetry.words import Words

LONGEST_TIME: Final = datetime(2026, 12, 28, 15, 8, tzinfo=UTC)
BEYOND: Final = 0.1
"""How far the value of an example lies beyond the limit, of the limit; of 0 so much itself."""


def example_message(
    rule: ChannelRule,
    level: Level,
    purpose: Purpose,
    station: Words,
    zone: ZoneInfo,
    language: str,
    value: float,
    trend: Trend = Trend.FALLING,
) -> str:
    """Return the short message about a level at a station with a value and its trend, in `vi` or `en`."""
    has_value = rule.texts.has_value
    notice = Notice(
        purpose=purpose,
        alarm_id=1,
        severity=level.severity,
        station=station,
        time=LONGEST_TIME,
        raised_at=LONGEST_TIME,
        zone=zone,
        texts=rule.texts,
        channel=rule.channel,
        value=value if has_value else None,
        limit=level.limit if has_value else None,
        side=level.side,
        unit=rule.unit,
        decimals=rule.decimals,
        trend=trend if has_value else None,
        is_worse=purpose is Purpose.LEVEL,
    )
    return short_message(worded(notice, language))


def beyond(level: Level, purpose: Purpose) -> float:
    """Return a value with which a level is reached, or, where it is over, one that is past its clear limit."""
    is_over = purpose is Purpose.CLEARED
    edge = level.clear if is_over and level.clear is not None else level.limit
    step = abs(edge) * BEYOND or BEYOND
    return edge + step if (level.side is Side.ABOVE) != is_over else edge - step
