"""The page of all accounts: inviting people, their roles, new links, disabling, and the reset of a second factor."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Name, Reason, no_controls
from dashboards.console.alarms_page import stations
from dashboards.console.context import Console
from dashboards.console.sheet import sheet
from dashboards.console.texts import Language
from quantrac.desks import accounts, second_factor
from quantrac.desks.roles import DeskAct, Role, RoleGrant
from quantrac.telemetry.errors import TranslatableError

Login = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=80)]
StationId = Annotated[str, Field(max_length=200), AfterValidator(no_controls)]
StationIds = Annotated[list[StationId], Field(max_length=5000)]


class ReasonWish(BaseModel):
    """The body of an act on an account: why."""

    reason: Reason


class RoleWish(BaseModel):
    """A role, and where: at no station named, it is for all."""

    role: Role
    stations: StationIds = Field(default_factory=list)

    def grant(self) -> RoleGrant:
        """Return it as the desk takes it."""
        return RoleGrant(self.role, frozenset(self.stations) or None)


class RoleChange(RoleWish, ReasonWish):
    """The body of a role that is given; `take`: taken, wherever the account has it."""

    take: bool = False


class Invitation(RoleWish):
    """The body of an invitation."""

    login: Login
    name: Name


class OwnAccount(TranslatableError):
    """Whoever keeps the accounts would shut themselves out."""


SWITCHES: Final = {"disable": accounts.disable, "enable": accounts.enable}


def add_accounts_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and its requests to the application."""
    may_keep_accounts = Depends(Gate(console, DeskAct.ACCOUNTS))

    @app.get("/accounts", response_class=HTMLResponse)
    def show_accounts(request: Request, lang: Language = "vi", by: Visitor = may_keep_accounts) -> Response:
        """Every account, by login."""
        with console.pool.connection() as conn:
            context = sheet(conn, request, by, lang, {})
            rows, named = accounts.accounts(conn), stations(conn, by, lang)
            held = {station for row in rows for grant in row.grants for station in grant.stations or ()}
            gone = {station: station for station in sorted(held - named.keys())}  # unticked they would be: all stations
            context |= {"rows": rows, "demanded": second_factor.demanded(conn), "roles": list(Role)}
            context["named"] = named | gone
        return templates.TemplateResponse(request, "accounts.html", context)

    @app.post("/api/accounts")
    def invite(body: Invitation, by: Visitor = may_keep_accounts) -> dict[str, str]:
        """Make an account; answers the path of the link by which its person chooses a password."""
        now = console.clock()
        with console.pool.connection() as conn, by.acting(), conn.transaction():
            accounts.add(conn, body.login, body.name, [body.grant()], by.name, now)
            return {"path": f"/enter/{accounts.invite(conn, body.login, by.name, now)}"}

    @app.post("/api/accounts/{login}/invite")
    def invite_again(login: str, by: Visitor = may_keep_accounts) -> dict[str, str]:
        """Make a new link, also for a forgotten password; earlier ones end."""
        with console.pool.connection() as conn, by.acting():
            return {"path": f"/enter/{accounts.invite(conn, login, by.name, console.clock())}"}

    @app.post("/api/accounts/{login}/role")
    def change_role(login: str, body: RoleChange, by: Visitor = may_keep_accounts) -> dict[str, list[str]]:
        """Give an account a role, at all stations or some, or take it; answers its roles."""
        _check_is_other(login, by)
        grant = RoleGrant(body.role) if body.take else body.grant()
        with console.pool.connection() as conn, by.acting():
            row = accounts.change_role(conn, login, grant, by.name, body.reason, console.clock(), take=body.take)
        return {"roles": [str(one) for one in row.grants]}

    @app.post("/api/accounts/{login}/second-factor/reset")
    def reset(login: str, body: ReasonWish, by: Visitor = may_keep_accounts) -> dict[str, str]:
        """End somebody's second factor and sessions."""
        with console.pool.connection() as conn, by.acting():
            second_factor.reset(conn, login, by.name, body.reason, console.clock())
        return {"reset": login}

    for name in SWITCHES:
        _add_switch(app, console, name)


def _add_switch(app: FastAPI, console: Console, name: str) -> None:
    @app.post(f"/api/accounts/{{login}}/{name}", name=name)
    def switch(
        login: str, body: ReasonWish, by: Visitor = Depends(Gate(console, DeskAct.ACCOUNTS))
    ) -> dict[str, str]:  # fmt: skip
        """Let an account in no more, or in again."""
        _check_is_other(login, by)
        with console.pool.connection() as conn, by.acting():
            SWITCHES[name](conn, login, by.name, body.reason, console.clock())
        return {name: login}


def _check_is_other(login: str, by: Visitor) -> None:
    if login == by.login:
        raise OwnAccount("another administrator changes your own account, or `quantrac users` at a shell")
