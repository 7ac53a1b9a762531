"""`quantrac ledger`: shows both books of every station and epoch."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson, answer
from quantrac.cli.environment import database

if TYPE_CHECKING:
    from quantrac.desks.books import Conflict, LedgerRow

app = typer.Typer(add_completion=False, rich_markup_mode=None)

COLUMNS = ("highest_seq", "stored", "dead", "lost", "missing", "received", "new", "duplicate", "rejected", "conflict")


@app.command()
def ledger(
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Instead: the 100 newest second values for a channel and time.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show both books; exit 1 where one does not balance or a message is missing.

    By sequence: highest_seq = stored + dead + lost + missing. By arrival: received = new + duplicate + rejected.
    """
    from quantrac.desks import books

    with database("db", "ledger") as conn:
        if conflicts:
            twice = books.conflicts(conn)
            answer(twice, map(_conflict_line, twice), as_json=as_json)
            return
        rows = books.ledger(conn)
    total = books.total(rows)
    balanced = all(row.balanced for row in rows)
    listed = [{**dataclasses.asdict(row), "balanced": row.balanced} for row in rows]
    heading = f"{'station':<22}{'epoch':<11}" + "".join(f"{name:>12}" for name in COLUMNS)
    found = {"balanced": balanced, "books": listed, "total": total}
    answer(found, [heading, *map(_line, [*rows, total])], as_json=as_json)
    if not balanced or total.missing:
        raise typer.Exit(1)


def _line(book: LedgerRow) -> str:
    counts = "".join(f"{getattr(book, name):>12}" for name in COLUMNS)
    unbalanced = "" if book.balanced else "  UNBALANCED"
    return f"{book.station or '(unknown)':<22}{book.epoch or '-':<11}{counts}{unbalanced}"


def _conflict_line(one: Conflict) -> str:
    return (
        f"{one.time:%Y-%m-%d %H:%M:%SZ}  {one.channel:<32} kept {_shown(one.kept_value)} {one.kept_state or '-'}, "
        f"came {_shown(one.value)} {one.state} x{one.count} (epoch {one.epoch}, seq {one.seq})"
    )


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
