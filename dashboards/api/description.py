"""The API's description as OpenAPI, with an example of each answer."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from dashboards.api.answers import PROBLEM
from dashboards.api.items import (
    AlarmItem,
    BucketReading,
    ChannelItem,
    CompletenessItem,
    FileItem,
    FlagItem,
    Item,
    LatestItem,
    RawReading,
    StationItem,
    schema_of,
)

TEXT: Final = """
Reads what Quantrac's public views have. Times are UTC with their zone; local days are those of the network's time zone.
A page has `items` and `next`, the address of the page behind it or null; the same stands in the header `Link`. A cursor
stays right while new rows come.

**Who may ask**: a program with a token of the scope `read` (`Authorization: Bearer qt_…`, made by `quantrac tokens
add`), a person's session of the console, or anybody where reading without signing in is set. Stations that one may not
read are left out.

**Answers**: JSON, or CSV with `Accept: text/csv`; packed with `Accept-Encoding: gzip`. Each bears an `ETag`: sent back
in `If-None-Match` it is answered 304 while nothing changed. Refusals are `application/problem+json` (RFC 9457); 429
says in `Retry-After` how many seconds to wait.

**Outlooks**: this version makes none, so there is no `/api/v1/outlooks`.
"""
WORDS: Final = {
    200: "what was asked for", 304: "unchanged since the `ETag` that was sent", 401: "sign in, or send a token",
    403: "the token has no scope `read`", 404: "no such channel, or not for you", 422: "a parameter is wrong",
    429: "too often", 503: "the database is away, or busy",
}  # fmt: skip
ST: Final = "st-my-thanh"
EXAMPLES: Final[dict[Item, dict[str, Any]]] = {
    StationItem: {
        "station": ST, "name": "Mỹ Thanh", "name_en": "My Thanh", "latitude": 9.4257, "longitude": 106.1712,
        "online": True, "last_message_at": "2026-11-24T03:00:01.204Z", "in_service": "2026-01-01T00:00:00Z",
        "tags": ["water"],
    },
    ChannelItem: {
        "channel": f"{ST}/do", "station": ST, "parameter": "do", "unit": "mg/L", "interval_s": 300.0, "kind": "mean",
        "derived": False, "device": "sonde", "span_low": 0.0, "span_high": 60.0, "expect_low": 1.0, "expect_high": 14.0,
    },
    LatestItem: {
        "channel": f"{ST}/do", "station": ST, "parameter": "do", "time": "2026-11-24T03:00:00Z", "value": 5.42,
        "unit": "mg/L", "quality": 1, "stage": "raw", "raw_value": 5.42, "state": "ok", "tests": "{}",
        "received_at": "2026-11-24T03:00:01.204Z", "late": False, "age_s": 31.2,
    },
    RawReading: {
        "time": "2026-11-24T03:00:00Z", "value": 14.2, "quality": 3, "stage": "unreviewed", "raw_value": 14.2,
        "state": "ok", "tests": "{spike}", "score": 3.6,
        "words": "14,2 lệch quá 12 so với trung bình của hai giá trị liền kề",
        "words_en": "14.2 stands off from the mean of its neighbours by more than 12", "verdict": None, "reason": None,
    },
    BucketReading: {
        "time": "2026-11-24T03:00:00Z", "value": 5.31, "quality": 1, "stage": "unreviewed",
        "end": "2026-11-24T04:00:00Z", "mean": 5.31, "min": 5.02, "max": 5.6, "sd": 0.14, "count": 12, "expected": 12,
        "completeness": 1.0, "valid": True,
    },
    AlarmItem: {
        "alarm_id": 4711, "rule": "do-low", "level": "act", "station": ST, "channel": f"{ST}/do", "parameter": "do",
        "severity": "high", "state": "acknowledged", "raised_at": "2026-11-24T03:00:00Z", "cleared_at": None,
        "acknowledged_at": "2026-11-24T03:04:10Z", "late": False, "parent": None, "value": 2.4, "limit": 3.0,
        "unit": "mg/L", "title": "Oxy thấp", "title_en": "Low oxygen",
    },
    CompletenessItem: {
        "day": "2026-11-23", "channel": f"{ST}/do", "station": ST, "expected": 288, "received": 276, "valid": 270,
        "causes": {"link": 12, "calibration": 6},
    },
    FlagItem: {
        "flag_id": 90210, "time": "2026-11-24T02:55:00Z", "channel": f"{ST}/do", "station": ST, "test": "spike",
        "flag": 4, "score": 3.6, "words": "14,2 lệch quá 12 so với trung bình của hai giá trị liền kề",
        "words_en": "14.2 stands off from the mean of its neighbours by more than 12",
        "reason": "14.2 stands off from the mean of its neighbours by more than 12", "by_person": False,
        "at": "2026-11-24T03:00:02Z",
    },
    FileItem: {
        "time": "2026-11-24T03:00:00Z", "station": ST, "name": "2026/11/24/ST_MYTHANH_20261124100000.txt",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "status": "sent",
        "made_at": "2026-11-24T03:00:11Z", "sent_at": "2026-11-24T03:00:12Z", "attempts": 1,
    },
}  # fmt: skip
PROBLEM_EXAMPLE: Final = {
    "type": "about:blank", "title": "Unprocessable Content", "status": 422, "instance": "/api/v1/readings",
    "detail": "channel: Field required",
}  # fmt: skip


def answers_with(*items: Item) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a route whose pages hold items of these kinds."""
    fields = [schema_of(item) for item in items]
    schema = {
        "type": "object", "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": fields[0] if len(fields) == 1 else {"oneOf": fields}},
            "next": {"type": ["string", "null"]},
        },
    }  # fmt: skip
    examples = {item.__name__: {"value": {"items": [EXAMPLES[item]], "next": None}} for item in items}
    found: dict[int | str, dict[str, Any]] = {
        200: {
            "description": WORDS[200],
            "content": {"application/json": {"schema": schema, "examples": examples}, "text/csv": {}},
        },
        304: {"description": WORDS[304]},
    }
    refused = {PROBLEM: {"schema": {"type": "object"}, "example": PROBLEM_EXAMPLE}}
    return found | {
        status: {"description": words, "content": refused} for status, words in WORDS.items() if status > 400
    }


def described(routes: Sequence[Any]) -> bytes:
    """Return the description of these routes, and of nothing else, as JSON."""
    found = get_openapi(
        title="Quantrac read API", version=_version(), summary="Readings of water and air, their quality and stage",
        description=TEXT.strip(), routes=routes,
    )  # fmt: skip
    for route in routes:  # FastAPI leaves nulls out of examples
        if isinstance(route, APIRoute):
            body = found["paths"][route.path]["get"]["responses"]["200"]["content"]["application/json"]
            body["examples"] = route.responses[200]["content"]["application/json"]["examples"]
    found["components"] = {
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "quantrac"},
        }
    }
    found["security"] = [{"token": []}, {"session": []}, {}]
    return msgspec.json.encode(found)


def _version() -> str:
    try:
        return version("quantrac")
    except PackageNotFoundError:
        return "0"
