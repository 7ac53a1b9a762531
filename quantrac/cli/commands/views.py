"""`quantrac views …`: comparisons of channels that people keep under a name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson, Person, answer, group, moment
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone

if TYPE_CHECKING:
    from quantrac.desks.saved_views import SavedView

app = group("""Comparisons of channels that people keep under a name: the console opens each at /compare/views/NUMBER.

Who sees a view sees of it what they may read.
""")

Left = Annotated[list[str] | None, typer.Option("--left", metavar="CHANNEL", help="On the left axis; may be repeated.")]
Right = Annotated[list[str] | None, typer.Option("--right", metavar="CHANNEL", help="On the right axis.")]
Hours = Annotated[float | None, typer.Option(help="Opens on so many hours up to now.")]
After = Annotated[str | None, typer.Option("--from", help="Opens on a stretch: date or time; without offset local.")]
Until = Annotated[str | None, typer.Option("--to", help="Its end.")]


@app.command()
def save(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    person: Person,
    left: Left = None,
    right: Right = None,
    hours: Hours = None,
    after: After = None,
    until: Until = None,
) -> None:
    """Keep channels on two axes under a name."""
    from quantrac.desks.saved_views import ViewSpan, save

    with database("console", "views") as conn:
        zone = time_zone(conn)
        ends = ((after, "--from"), (until, "--to"))
        from_t, to_t = (None if text is None else moment(text, option, zone) for text, option in ends)
        span = ViewSpan(hours, from_t, to_t)
        print(_line(save(conn, name, left or [], right or [], span, person, datetime.now(UTC))))


@app.command()
def remove(view: Annotated[int, typer.Argument(help="Its number, see list.")], person: Person) -> None:
    """Take a view out of the list; what was saved stays on record."""
    from quantrac.desks.saved_views import remove

    with database("console", "views") as conn:
        remove(conn, view, person, datetime.now(UTC))
    print(f"view {view}: removed")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the views that stand."""
    from dataclasses import asdict

    from quantrac.desks.saved_views import views

    with database("console", "views") as conn:
        found = views(conn)
    answer([asdict(one) for one in found], map(_line, found), as_json=as_json)


def _line(one: SavedView) -> str:
    lines = ", ".join(one.left_axis) + (f" | {', '.join(one.right_axis)}" if one.right_axis else "")
    return f"{one.view_id:>4}  {one.name}: {lines}  ({one.person}, {one.at:%Y-%m-%d})"
