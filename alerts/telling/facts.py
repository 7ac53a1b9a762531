"""The facts of a message as data, for webhooks and for templates that providers have registered. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from alerts.telling.texts import Notice, placeholders


def facts_of(notice: Notice, language: str) -> dict[str, Any]:
    """Return what a message says: numbers and UTC times for programs, and `words` in a language for templates."""
    response = notice.texts.response
    words = {
        **placeholders(notice, language),
        "alarm": str(notice.alarm_id),
        "response": "" if response is None else response.in_language(language),
    }
    return {
        "purpose": notice.purpose.value,
        "language": language,
        "alarm_id": notice.alarm_id,
        "severity": notice.severity.word,
        "channel": notice.channel or None,
        "time": _utc(notice.time),
        "raised_at": _utc(notice.raised_at),
        "value": notice.value,
        "limit": notice.limit,
        "unit": notice.unit or None,
        "words": words,
    }


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
