"""`quantrac tokens …`: what programs prove themselves with, each with a scope and an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import Person, answer, duration, group
from quantrac.cli.environment import database
from quantrac.desks.roles import DeskAct

if TYPE_CHECKING:
    from quantrac.desks.tokens import TokenRow

app = group("""What programs prove themselves with, as `Authorization: Bearer TOKEN`. Each has a scope and an end.""")

Name = Annotated[str, typer.Argument(help="Which program it is for, such as province-portal.")]


@app.command(short_help="Make a token and print it, once.")
def add(
    name: Name,
    person: Person,
    scope: Annotated[list[DeskAct], typer.Option(help="What it may do; may be repeated.")],
    for_: Annotated[float, duration("How long, such as 30d; at most 400d.", "--for", default="90d", least="1m")],
    stations: Annotated[str | None, typer.Option(help="Only at these, with commas between them.")] = None,
) -> None:
    """Make a token and print it. Nobody sees it again: the database keeps its hash."""
    from quantrac.desks import tokens

    now = datetime.now(UTC)
    end = now + timedelta(seconds=for_)
    within = None if stations is None else frozenset(station.strip() for station in stations.split(","))
    with database("console", "tokens") as conn:
        print(tokens.add(conn, name, scope, within, end, person, now))


@app.command(short_help="Let a token in no more, at once.")
def revoke(
    name: Name, person: Person, reason: Annotated[str | None, typer.Option(help="Why; stands in the audit.")] = None
) -> None:
    """Let a token in no more, at once; a stream that is open ends within a minute."""
    from quantrac.desks import tokens

    with database("console", "tokens") as conn:
        tokens.revoke(conn, name, person, reason, datetime.now(UTC))
    print(f"{name}: revoked")


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="For programs; times in UTC.")] = False) -> None:
    """List the tokens with scope, end and last use, not their secrets."""
    from quantrac.desks import tokens

    with database("console", "tokens") as conn:
        rows = tokens.tokens(conn)
    answer(rows, map(_line, rows), as_json=as_json)


def _line(row: TokenRow) -> str:
    state = f"until {row.expires_at:%Y-%m-%d}" if row.revoked_at is None else f"revoked {row.revoked_at:%Y-%m-%d}"
    used = "never used" if row.used_at is None else f"used {row.used_at:%Y-%m-%d %H:%MZ}"
    return f"{row.name:<28} {', '.join(row.scopes)} at {', '.join(row.stations or ['all stations'])}  {state}  {used}"
