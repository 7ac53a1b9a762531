"""`quantrac audit`: who did what, when, by which way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import answer, moment
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown

if TYPE_CHECKING:
    from quantrac.desks.audit_rows import AuditRow

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def audit(
    person: Annotated[str | None, typer.Option(help="Part of the person's name or login.")] = None,
    act: Annotated[str | None, typer.Option(help="Such as acknowledged, apply, sign in.")] = None,
    object_: Annotated[str | None, typer.Option("--object", help="Part of it, such as `alarm 17`.")] = None,
    way: Annotated[str | None, typer.Option(help="One of command, console, link, sms, token, service.")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="TIME", help="From here on, local time.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to here, exclusive, local time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_csv: Annotated[bool, typer.Option("--csv", help="For spreadsheets.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; times in UTC.")] = False,
) -> None:
    """List the acts of people, the newest first. Nothing changes or deletes one."""
    from quantrac.desks import audit_rows as desk

    with database("console", "audit") as conn:
        zone = time_zone(conn)
        since, until = (
            None if text is None else moment(text, option, zone) for text, option in ((from_, "--from"), (to, "--to"))
        )
        rows = desk.audit_rows(conn, desk.AuditQuery(person, act, object_, way, since, until), limit=limit)
    if as_csv:
        print("".join(desk.as_csv(rows, zone)), end="")
    else:
        answer(rows, (_line(row, zone) for row in rows), as_json=as_json)


def _line(row: AuditRow, zone: ZoneInfo) -> str:
    who = row.person if row.account is None else f"{row.person} ({', '.join(filter(None, (row.account, row.role)))})"
    why = "" if row.reason is None else f": {row.reason}"
    return f"{shown(row.at, zone)}  {who:<28}  {row.way:<8}  {row.act} {row.object}{why}"
