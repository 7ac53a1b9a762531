"""`quantrac review proposals` and `accept`: what the services of the sensors speak for, and a person's yes to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import Person, answer, moment
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown

if TYPE_CHECKING:
    from quantrac.desks.service_proposals import ServiceProposal

Place = Annotated[str, typer.Argument(help="A station or a channel.")]
From = Annotated[str, typer.Option("--from", metavar="TIME", help="From here on (exclusive), local time.")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="Up to here (inclusive), local time.")]


def proposals(
    place: Place,
    from_: From,
    to: To,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; times in UTC.")] = False,
) -> None:
    """List flags and corrections that the services of the sensors speak for, with their reasons; changes nothing.

    Services are those of the field book and of the stations; where a device has none they are found in its data. The
    first word of a line is the name for `accept`. Up to 400 days; with a month before and behind, much more is seen.
    """
    from quantrac.desks.service_proposals import service_proposals

    with database("console", "review") as conn:
        zone = time_zone(conn)
        found = service_proposals(conn, place, moment(from_, "--from", zone), moment(to, "--to", zone))
    answer(found, (_line(one, zone) for one in found), as_json=as_json)


def accept(
    name: Annotated[str, typer.Argument(help="The proposal, see proposals.")],
    place: Place,
    from_: From,
    to: To,
    reason: Annotated[str, typer.Option(help="Why; stands in the audit, before the proposal's own reasons.")],
    person: Person,
) -> None:
    """Do what a proposal proposes: flag its readings as suspect, or correct them; one review, which can be withdrawn.

    PLACE, --from and --to as they were given to `proposals`. Where the readings have changed since, it is refused.
    """
    from quantrac.desks.service_proposals import accept as accepted

    with database("console", "review") as conn:
        zone = time_zone(conn)
        stretch = moment(from_, "--from", zone), moment(to, "--to", zone)
        act = accepted(conn, name, place, *stretch, person, reason, datetime.now(UTC))
    span = f"{shown(act.from_t, zone)} .. {shown(act.to_t, zone)}"
    head = f"{act.review_id:>6}  {act.state:<9}  {act.channel}  {span}"
    print(f"{head}  {act.readings} readings  {act.person}: {act.reason}")


def reject(
    name: Annotated[str, typer.Argument(help="The proposal, see proposals.")],
    place: Place,
    from_: From,
    to: To,
    reason: Annotated[str, typer.Option(help="Why not; stands in the audit.")],
    person: Person,
) -> None:
    """Say no to a proposal: it changes nothing, and the same is not proposed again until the review is withdrawn.

    PLACE, --from and --to as they were given to `proposals`.
    """
    from quantrac.desks.service_proposals import reject as rejected

    with database("console", "review") as conn:
        zone = time_zone(conn)
        stretch = moment(from_, "--from", zone), moment(to, "--to", zone)
        act = rejected(conn, name, place, *stretch, person, reason, datetime.now(UTC))
    span = f"{shown(act.from_t, zone)} .. {shown(act.to_t, zone)}"
    print(f"{act.review_id:>6}  rejected  {act.channel}  {span}  {act.person}: {act.reason}")


def _line(one: ServiceProposal, zone: ZoneInfo) -> str:
    span = f"{shown(one.from_t, zone)} .. {shown(one.to_t, zone)}"
    amount = f"add {one.added:.3g} growing to {one.gap:.3g}" if one.kind == "drift" else "suspect"
    services = " to ".join("?" if at is None else shown(at, zone) for at in (one.service_before, one.service_after))
    head = f"{one.name}  {one.kind:<5}  {one.channel}  {span}  {amount}  confidence {one.confidence:.0%}"
    return f"{head}  services {services}  {one.reasons_en}"
