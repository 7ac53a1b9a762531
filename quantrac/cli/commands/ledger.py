"""`quantrac ledger`: shows both books of every station and epoch."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson
from quantrac.cli.environment import database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quantrac.desks.books import Conflict

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
            _show_conflicts(books.conflicts(conn), as_json=as_json)
            return
        rows = books.ledger(conn)
    total = books.total(rows)
    balanced = all(row.balanced for row in rows)
    if as_json:
        listed = [{**dataclasses.asdict(row), "balanced": row.balanced} for row in rows]
        print(json.dumps({"balanced": balanced, "books": listed, "total": dataclasses.asdict(total)}))
    else:
        print(f"{'station':<22}{'epoch':<11}" + "".join(f"{name:>12}" for name in COLUMNS))
        for row in [*rows, total]:
            counts = "".join(f"{getattr(row, name):>12}" for name in COLUMNS)
            print(
                f"{row.station or '(unknown)':<22}{row.epoch or '-':<11}{counts}"
                + ("" if row.balanced else "  UNBALANCED")
            )
    if not balanced or total.missing:
        raise typer.Exit(1)


def _show_conflicts(found: Sequence[Conflict], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([dataclasses.asdict(one) for one in found], default=datetime.isoformat))
        return
    for one in found:
        print(
            f"{one.time:%Y-%m-%d %H:%M:%SZ}  {one.channel:<32} kept {_shown(one.kept_value)} {one.kept_state or '-'}, "
            f"came {_shown(one.value)} {one.state} x{one.count} (epoch {one.epoch}, seq {one.seq})"
        )


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
