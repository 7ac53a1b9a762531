"""The page of all accounts: roles, who has a second factor, and its reset for somebody who lost it."""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Reason
from dashboards.console.alarms_page import stations
from dashboards.console.context import Console
from dashboards.console.sheet import sheet
from dashboards.console.texts import Language
from quantrac.desks import accounts, second_factor
from quantrac.desks.roles import DeskAct


class ResetWish(BaseModel):
    """The body of a reset."""

    reason: Reason


def add_accounts_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and its request to the application."""
    may_keep_accounts = Depends(Gate(console, DeskAct.ACCOUNTS))

    @app.get("/accounts", response_class=HTMLResponse)
    def show_accounts(request: Request, lang: Language = "vi", by: Visitor = may_keep_accounts) -> Response:
        """Every account, by login."""
        with console.pool.connection() as conn:
            context = sheet(conn, request, by, lang, {})
            context |= {"rows": accounts.accounts(conn), "demanded": second_factor.demanded(conn)}
            context["named"] = stations(conn, by, lang)
        return templates.TemplateResponse(request, "accounts.html", context)

    @app.post("/api/accounts/{login}/second-factor/reset")
    def reset(login: str, body: ResetWish, by: Visitor = may_keep_accounts) -> dict[str, str]:
        """End somebody's second factor and sessions."""
        with console.pool.connection() as conn, by.acting():
            second_factor.reset(conn, login, by.name, body.reason, console.clock())
        return {"reset": login}
