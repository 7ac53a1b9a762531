"""`quantrac stages …`: which days are reviewed; signs them, reopens them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import Person, answer, day, group, moment
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone

if TYPE_CHECKING:
    from quantrac.desks.stages import ChannelDays, StagedDay

app = group("""Stages of data by channel and local day: raw, unreviewed, reviewed.

Whoever signs a day says that its readings are reviewed; where network.yaml has `four_eyes: true`, a second person signs
too. Data that come late, and new findings, reopen a signed day by themselves.
""")

Place = Annotated[str, typer.Argument(help="A station, or one channel such as st-my-thanh/do.")]
From = Annotated[str, typer.Option("--from", metavar="DAY", help="First day, such as 2026-11-01.")]
To = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, inclusive; default the first one.")]


@app.command("list", short_help="The stage of each day.")
def list_(
    place: Place,
    from_: From,
    to: To = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="As they were at this earlier moment, local.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; times in UTC.")] = False,
) -> None:
    """List the stage of each day of each channel that has readings; days with the same stage in one line."""
    from quantrac.desks import stages

    with database("console", "stages") as conn:
        then = None if as_of is None else moment(as_of, "--as-of", time_zone(conn))
        found = stages.stages(conn, _days(place, from_, to), then)
    answer(found, _lines(found), as_json=as_json)


@app.command("todo", short_help="Signed days that need a person.")
def to_do(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List the stations where days wait for a second signature, or were reopened by data that came later."""
    from quantrac.desks import stages

    with database("console", "stages") as conn:
        found = stages.to_do(conn)
    lines = (
        f"{one.station:<24}  {one.waiting} wait for a second signature, {one.reopened} reopened, from {one.first} on"
        for one in found
    )
    answer(found, lines, as_json=as_json)


@app.command(short_help="Sign days as reviewed.")
def sign(
    place: Place,
    from_: From,
    person: Person,
    to: To = None,
    note: Annotated[str, typer.Option(help="Stands beside the signature.")] = "",
) -> None:
    """Sign the days that can be signed, and say how many were left and why."""
    from quantrac.desks import stages

    with database("console", "stages") as conn:
        done = stages.sign(conn, _days(place, from_, to), person, note, datetime.now(UTC))
    left = "".join(f", {count} left ({LEFT[why]})" for why, count in sorted(done.left.items()))
    print(f"{done.reviewed} reviewed, {done.waiting} wait for a second signature{left}")


@app.command(short_help="Reopen signed days, with a reason.")
def reopen(
    place: Place,
    from_: From,
    reason: Annotated[str, typer.Option(help="Why; stands in the audit.")],
    person: Person,
    to: To = None,
) -> None:
    """Reopen signed days: their readings can be reviewed again."""
    from quantrac.desks import stages

    with database("console", "stages") as conn:
        print(f"{stages.reopen(conn, _days(place, from_, to), person, reason, datetime.now(UTC))} reopened")


LEFT = {
    "raw": "the day lasts, or tests have still to run",
    "reviewed": "signed already",
    "own": "another person signs second",
    "changed": "something came or changed since",
}


def _days(place: str, from_: str, to: str | None) -> ChannelDays:
    from quantrac.desks.stages import ChannelDays

    first = day(from_, "--from")
    station, is_channel, _ = place.partition("/")
    return ChannelDays(station, first, first if to is None else day(to, "--to"), (place,) if is_channel else ())


def _lines(found: list[StagedDay]) -> Iterator[str]:
    def alike(one: StagedDay) -> tuple[object, ...]:
        return one.channel, one.word, one.signed_by, one.approved_by, one.reopened_by, one.reopened_cause, one.reason

    for (channel, word, *_), days in groupby(found, alike):
        some = list(days)
        span = f"{some[0].day}" if len(some) == 1 else f"{some[0].day} .. {some[-1].day}"
        yield f"{channel:<32}  {span:<24}  {word:<10}  {_who(some[0])}".rstrip()


def _who(one: StagedDay) -> str:
    if one.signed_by is None:
        return ""
    signed = one.signed_by if one.approved_by in (None, one.signed_by) else f"{one.signed_by} and {one.approved_by}"
    why = "" if one.reason is None else f": {one.reason}"
    if one.reopened_cause is None:
        return f"signed by {signed}{why}"
    return f"signed by {signed}; reopened by {one.reopened_by or f'a {one.reopened_cause} that came since'}{why}"
