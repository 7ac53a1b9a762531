"""What a person can do on a page, a command does, too: both are read from the programs themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args, get_type_hints

import click
import typer
from fastapi.routing import APIRoute

from dashboards.console.app import create_app
from dashboards.console.context import AdmissionRules, Console
from dashboards.console.equipment_page import StationOrder
from dashboards.console.hub import Hub
from quantrac.cli.main import app as program
from quantrac.desks.sessions import SessionLimits

TWINS: Final = {
    "/api/accounts": "users add",
    "/api/accounts/{login}/disable": "users disable",
    "/api/accounts/{login}/enable": "users disable --undo",
    "/api/accounts/{login}/invite": "users invite",
    "/api/accounts/{login}/role": "users role",
    "/api/accounts/{login}/second-factor/reset": "users totp reset",
    "/api/alarms/{alarm_id}/acknowledge": "alarms ack",
    "/api/alarms/{alarm_id}/comment": "alarms comment",
    "/api/alarms/{alarm_id}/false": "alarms false",
    "/api/alarms/{alarm_id}/publish": "alarms publish",
    "/api/alarms/{alarm_id}/reset": "alarms reset",
    "/api/alarms/{alarm_id}/shelve": "alarms shelve",
    "/api/alarms/{alarm_id}/unpublish": "alarms unpublish",
    "/api/alarms/{alarm_id}/unshelve": "alarms unshelve",
    "/api/bulletins": "report bulletin make",
    "/api/bulletins/{number}/approve": "report bulletin approve",
    "/api/bulletins/{number}/send": "report bulletin send",
    "/api/bulletins/{number}/words": "report bulletin edit",
    "/api/channels/{station}/{name}/correct": "review correct",
    "/api/channels/{station}/{name}/flag": "review flag",
    "/api/channels/{station}/{name}/unflag": "review unflag",
    "/api/configuration/apply": "stations apply",
    "/api/contacts": "contacts add",
    "/api/contacts/{contact_id}/change": "contacts change",
    "/api/contacts/{contact_id}/erase": "contacts erase",
    "/api/contacts/{contact_id}/export": "contacts export",
    "/api/contacts/{contact_id}/remove": "contacts remove",
    "/api/contacts/{contact_id}/test": "contacts test",
    "/api/files/{file:path}/changes/{number}/take-back": "stations undo",
    "/api/files/{file:path}/check": "stations check",
    "/api/files/{file:path}/compare": "stations diff",
    "/api/files/{file:path}/save": "stations edit",
    "/api/jobs/run": "jobs run-now",
    "/api/rules/{rule}/trial": "rules backtest",
    "/api/shift/hand-over": "shift hand-over",
    "/api/shift/note": "shift note",
    "/api/shifts/{number}/take-over": "shift take-over",
    "/api/stations/{station}/begin": "stations new",
    "/api/stations/{station}/certificates": "certificates add",
    "/api/stations/{station}/certificates/{number}": "certificates correct",
    "/api/stations/{station}/certificates/{number}/withdraw": "certificates withdraw",
    "/api/stations/{station}/end-maintenance": "commands maint --off",
    "/api/stations/{station}/in-service": "alarms in",
    "/api/stations/{station}/laboratory-file": "samples import",
    "/api/stations/{station}/laboratory-file/marks": "samples import",
    "/api/stations/{station}/ministry/resend": "ministry resend",
    "/api/stations/{station}/out-of-service": "alarms out",
    "/api/stations/{station}/proposals/{proposal}/accept": "review accept",
    "/api/stations/{station}/proposals/{proposal}/reject": "review reject",
    "/api/stations/{station}/push": "stations push",
    "/api/stations/{station}/reviews/{number}/approve": "review approve",
    "/api/stations/{station}/reviews/{number}/withdraw": "review withdraw",
    "/api/stations/{station}/samples": "samples add",
    "/api/stations/{station}/samples/{number}": "samples correct",
    "/api/stations/{station}/samples/{number}/result": "samples result",
    "/api/stations/{station}/samples/{number}/step": "samples pass",
    "/api/stations/{station}/samples/{number}/withdraw": "samples withdraw",
    "/api/stations/{station}/shift/note": "shift note",
    "/api/stations/{station}/stages/reopen": "stages reopen",
    "/api/stations/{station}/stages/sign": "stages sign",
    "/api/stations/{station}/visits": "visits add",
    "/api/stations/{station}/visits/{number}": "visits correct",
    "/api/stations/{station}/visits/{number}/withdraw": "visits withdraw",
    "/api/views": "views save",
    "/api/views/{view_id}/remove": "views remove",
}
"""Request of a page → the command that asks the same desk, and its option where it needs one."""
ORDERS: Final = {
    "read": "commands read-now", "maint": "commands maint", "again": "commands again", "picture": "commands picture",
    "act": "commands act",
}  # fmt: skip
"""What a station is told to do by `/api/stations/{station}/command`."""
OF_THE_BROWSER: Final = {
    "/api/sign-in", "/api/enter", "/api/sign-out", "/api/account/second-factor/begin",
    "/api/account/second-factor/confirm", "/api/account/second-factor/prove",
    "/api/account/second-factor/recovery-codes", "/api/account/second-factor/remove",
}  # fmt: skip
"""Who is at this browser, and their own telephone: at a shell nobody signs in."""


def requests_of_pages() -> set[str]:
    """Return every request by which a page changes something or works something out."""
    nobody: Any = None
    rules = AdmissionRules(None, SessionLimits(timedelta(days=1), timedelta(days=1)))
    app = create_app(Console(nobody, Hub(), nobody, lambda: datetime.now(UTC), rules), frozenset())
    return {route.path for route in app.routes if isinstance(route, APIRoute) and "POST" in (route.methods or ())}


def commands_of(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command of the program with its words."""
    for word in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), word)
        if hasattr(found, "list_commands"):
            yield from commands_of(found, (*before, word))
        else:
            yield " ".join((*before, word)), found


def test_whatever_a_page_does_a_command_does_too() -> None:
    assert requests_of_pages() == {*TWINS, *OF_THE_BROWSER, "/api/stations/{station}/command"}
    commands = dict(commands_of(typer.main.get_command(program)))
    for twin in {*TWINS.values(), *ORDERS.values()}:
        words, _, option = twin.partition(" --")
        assert words in commands, twin
        options = {each for parameter in commands[words].params for each in parameter.opts}
        assert not option or f"--{option}" in options, twin


def test_whatever_a_station_is_told_on_its_page_a_command_tells_it_too() -> None:
    assert {*get_args(get_type_hints(StationOrder)["do"])} == {*ORDERS}
