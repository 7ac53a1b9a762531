"""How answers to programs look: JSON and CSV with a tag by which an unchanged one is not sent again, and problems."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import Request
from fastapi.responses import Response

from quantrac.telemetry.errors import QuantracError

PROBLEM: Final = "application/problem+json"
CSV: Final = "text/csv; charset=utf-8"
CALCULATED: Final = " \t\r\n=+@-"
"""What a formula of a spreadsheet begins with."""
KEPT: Final = {"Cache-Control": "private, no-cache", "Vary": "Accept, Authorization, Cookie"}
"""Whoever asks may keep it, and asks each time whether it still holds."""


class BadQuery(QuantracError):
    """What was asked for cannot be: the text says where, what was found and what is expected."""


class NotHere(QuantracError):
    """It does not exist, or is not for whoever asks."""


class AskedTooOften(QuantracError):
    """So many requests of one account that it has to wait."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many requests: ask again in {wait_s:.1f} s")
        self.wait_s = wait_s


def is_for_programs(path: str) -> bool:
    """Whether what a path answers is for programs, so that what is refused is a problem."""
    return path.startswith(("/api/v1/", "/sensorthings/"))


def answer(request: Request, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body with its tag, or 304 where the program has it already."""
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    sent = {**KEPT, "ETag": tag, **(headers or {})}
    known = {each.strip() for each in request.headers.get("if-none-match", "").split(",")}
    if known & {tag, tag.removeprefix("W/"), "*"}:
        return Response(status_code=304, headers=sent)
    return Response(body, headers=sent, media_type=media_type)


def wants_csv(request: Request) -> bool:
    """Whether CSV comes first among what a program takes."""
    return request.headers.get("accept", "").lower().lstrip().startswith("text/csv")


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return rows as CSV in UTF-8: times as in JSON, lists and maps as JSON, nothing for what is missing.

    Texts lose what a spreadsheet would calculate with, as in exports: people wrote some of them.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value.lstrip(CALCULATED) if len(value) > 1 else value
    if value is None or isinstance(value, int | float):
        return value
    return msgspec.json.encode(value).decode().strip('"')


def problem(request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal (RFC 9457)."""
    found = {
        "type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
        "instance": request.url.path,
    }  # fmt: skip
    return Response(msgspec.json.encode(found), status, headers, media_type=PROBLEM)
