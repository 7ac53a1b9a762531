"""What is answered where the database stops a statement, is away, or long reads wait for their turn."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httpx
import psycopg
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.templating import Jinja2Templates
from psycopg.errors import QueryCanceled

from dashboards.console.assets import HERE
from dashboards.console.context import LongReadsBusy
from dashboards.console.error_answers import add_error_answers
from tests.fixtures.still_console import StillConsole, network

BUSY = LongReadsBusy("others read long stretches of time at this moment: try again")


def app() -> FastAPI:
    """Return an application whose routes fail, each in its way."""
    made = FastAPI()
    templates = Jinja2Templates(HERE / "templates")
    templates.env.globals["asset"] = str
    still = StillConsole("", cast(Any, None), network())
    add_error_answers(made, cast(Any, _Watched(still)), templates)
    for name, error in (
        ("long", QueryCanceled("canceled")),
        ("away", psycopg.OperationalError("gone")),
        ("busy", BUSY),
    ):
        for path in (f"/{name}", f"/api/{name}"):
            made.get(path)(_failing(error))
    return made


class _Watched:
    def __init__(self, watcher: StillConsole) -> None:
        self.watcher = watcher


def _failing(error: Exception) -> Any:
    def fail(request: Request) -> Response:
        raise error

    return fail


@pytest.mark.parametrize(
    ("name", "status", "vi", "en", "asks_again"),
    [
        ("long", 504, "mất quá nhiều thời gian nên đã dừng lại", "took too long and was stopped", False),
        ("away", 503, "cơ sở dữ liệu", "database", True),
        ("busy", 429, "đang có người khác", "others read long stretches", True),
    ],
)
def test_a_page_says_what_failed_and_asks_again_where_it_passes_and_a_script_gets_the_reason(
    name: str, status: int, vi: str, en: str, asks_again: bool
) -> None:
    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app()), base_url="http://console") as http:
            return [
                await http.get(path, headers={"Accept-Language": language})
                for path, language in (
                    (f"/{name}", ""), (f"/{name}?lang=en", ""), (f"/api/{name}", "vi"), (f"/api/{name}", "en"),
                )
            ]  # fmt: skip

    found = asyncio.run(ask())
    assert {one.status_code for one in found} == {status}
    for one, said in zip(found, (vi, en, vi, en), strict=True):
        assert said.casefold() in one.text.casefold()
    assert ["/static/again.js" in one.text for one in found] == [asks_again, asks_again, False, False]
    assert "error" in found[2].json()
