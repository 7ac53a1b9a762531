"""`quantrac review …`: gives readings verdicts and corrections, each with a reason, each reversible."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import Person, answer, group, moment, number
from quantrac.cli.commands.review_proposals import accept, proposals, reject
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown
from quantrac.telemetry.quality import Quality

if TYPE_CHECKING:
    from quantrac.desks.acts import Act, ReviewedReadings
    from quantrac.desks.finding_queue import FoundStretch

app = group("""Verdicts and corrections of people. Raw values never change; each act has a reason and can be withdrawn.

Times without an offset are local. A reading bears the end of its slot: FROM < time <= TO.
""")

Channel = Annotated[str, typer.Argument(help="Such as st-my-thanh/do.")]
Number = Annotated[int, typer.Argument(help="Number of the review, see list.")]
Reason = Annotated[str, typer.Option(help="Why; stands in the audit.")]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="From here on (exclusive), local time.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to here (inclusive), local time.")]
At = Annotated[str | None, typer.Option("--at", metavar="TIME", help="Only the reading of this time.")]
Seen = Annotated[
    int | None, typer.Option(min=0, help="Only if nobody has touched the readings since: the version that show names.")
]
WholeDevice = Annotated[
    bool, typer.Option("--whole-device", help="All channels that this channel's device measures, in one act.")
]
Json = Annotated[bool, typer.Option("--json", help="For programs; times in UTC.")]


@app.command(short_help="Give readings a verdict that stands above every test.")
def flag(
    channel: Channel,
    verdict: Annotated[str, typer.Argument(help="Good, suspect or fail.")],
    reason: Reason,
    person: Person,
    from_: From = None,
    to: To = None,
    at: At = None,
    whole_device: WholeDevice = False,
    seen: Seen = None,
) -> None:
    """Give readings a verdict that stands above every test; failed ones leave the hourly and daily values."""
    from quantrac.desks import verdicts

    if verdict not in verdicts.VERDICTS:
        raise typer.BadParameter(f"found {verdict}, allowed {', '.join(verdicts.VERDICTS)}", param_hint="VERDICT")
    with database("console", "review") as conn:
        zone = time_zone(conn)
        stretch = _stretch(channel, from_, to, at, zone)
        act = verdicts.flag(
            conn, stretch, verdicts.VERDICTS[verdict], person, reason, datetime.now(UTC), seen=seen,
            whole_device=whole_device,
        )  # fmt: skip
    print(_line(act, zone))


@app.command(short_help="End people's verdicts on readings.")
def unflag(
    channel: Channel,
    reason: Reason,
    person: Person,
    from_: From = None,
    to: To = None,
    at: At = None,
    whole_device: WholeDevice = False,
    seen: Seen = None,
) -> None:
    """End people's verdicts on readings, whoever gave them: the tests speak again."""
    from quantrac.desks import verdicts

    with database("console", "review") as conn:
        zone = time_zone(conn)
        stretch = _stretch(channel, from_, to, at, zone)
        act = verdicts.unflag(conn, stretch, person, reason, datetime.now(UTC), seen=seen, whole_device=whole_device)
    print(_line(act, zone))


@app.command(short_help="Correct readings; the raw values stay beside it.")
def correct(
    channel: Channel,
    reason: Reason,
    person: Person,
    from_: From = None,
    to: To = None,
    at: At = None,
    value: Annotated[float | None, number("The right value.")] = None,
    factor: Annotated[float, number("Corrected = raw * FACTOR + ADD.")] = 1.0,
    add: Annotated[float, number("See --factor; in the channel's unit.")] = 0.0,
    drift: Annotated[float, number("Between two calibrations: added in a line from 0 at FROM to DRIFT at TO.")] = 0.0,
    propose: Annotated[bool, typer.Option("--propose", help="Only propose it: another person approves.")] = False,
    seen: Seen = None,
) -> None:
    """Correct readings: by a value, by raw * FACTOR + ADD, or by a drift; views show the raw value beside it."""
    from quantrac.desks.corrections import CorrectionFormula
    from quantrac.desks.corrections import correct as corrected

    if drift and at is not None:
        raise typer.BadParameter("found --at, expected --from and --to: two calibrations", param_hint="--drift")
    if value is not None and (factor, add, drift) != (1.0, 0.0, 0.0):
        raise typer.BadParameter("found a value and a formula, expected one of them", param_hint="--value")
    with database("console", "review") as conn:
        zone = time_zone(conn)
        stretch, formula = _stretch(channel, from_, to, at, zone), CorrectionFormula(value, factor, add, drift)
        act = corrected(conn, stretch, formula, person, reason, datetime.now(UTC), proposed=propose, seen=seen)
    print(_line(act, zone))


@app.command()
def approve(number: Number, person: Person) -> None:
    """Put into force what somebody else has proposed."""
    from quantrac.desks import corrections

    with database("console", "review") as conn:
        print(_line(corrections.approve(conn, number, person, datetime.now(UTC)), time_zone(conn)))


@app.command(short_help="Take a verdict or a correction back.")
def withdraw(number: Number, reason: Reason, person: Person) -> None:
    """Take a verdict or a correction back, of a whole device on all its channels: what stood before stands again."""
    from quantrac.desks import withdrawals

    with database("console", "review") as conn:
        print(_line(withdrawals.withdraw(conn, number, person, reason, datetime.now(UTC)), time_zone(conn)))


@app.command("list")
def list_(
    place: Annotated[str | None, typer.Argument(help="Only of this channel or station.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were withdrawn.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: Json = False,
) -> None:
    """List reviews, the newest first."""
    from quantrac.desks import acts

    with database("console", "review") as conn:
        found, zone = acts.acts(conn, place, every=every, limit=limit), time_zone(conn)
    answer(found, (_line(act, zone) for act in found), as_json=as_json)


@app.command(short_help="Show what people have done to readings.")
def show(
    channel: Channel,
    from_: From = None,
    to: To = None,
    at: At = None,
    whole_device: WholeDevice = False,
    as_json: Json = False,
) -> None:
    """Show what people have done to readings, the newest first, and which version that is (see --seen)."""
    from quantrac.desks import acts

    with database("console", "review") as conn:
        zone = time_zone(conn)
        stretch = _stretch(channel, from_, to, at, zone)
        found = acts.acts_there(conn, stretch, whole_device=whole_device)
        readings = acts.readings_there(conn, stretch, whole_device=whole_device)
    version = acts.version_of(found)
    head = f"{channel}: {readings} readings, version {version}"
    whole = {"readings": readings, "version": version, "acts": found}
    answer(whole, [head, *(_line(act, zone) for act in found)], as_json=as_json)


@app.command(short_help="List what the tests found and nobody has judged.")
def queue(
    place: Annotated[str, typer.Argument(help="A station or a channel.")],
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="From here on (exclusive), local time.")],
    to: Annotated[str, typer.Option("--to", metavar="TIME", help="Up to here (inclusive), local time.")],
    as_json: Json = False,
) -> None:
    """List the stretches of readings that the tests blame and nobody has judged, the worst first."""
    from quantrac.desks.finding_queue import finding_queue

    with database("console", "review") as conn:
        zone = time_zone(conn)
        found = finding_queue(conn, place, moment(from_, "--from", zone), moment(to, "--to", zone))
    answer(found, (_found_line(one, zone) for one in found), as_json=as_json)


app.command(short_help="List what the services of the sensors speak for.")(proposals)
app.command(short_help="Do what a proposal proposes.")(accept)
app.command(short_help="Say no to a proposal, with the reason.")(reject)


def _stretch(channel: str, from_: str | None, to: str | None, at: str | None, zone: ZoneInfo) -> ReviewedReadings:
    from quantrac.desks.acts import ReviewedReadings

    if at is not None and from_ is None and to is None:
        return ReviewedReadings.at(channel, moment(at, "--at", zone))
    if at is not None or from_ is None or to is None:
        raise typer.BadParameter("expected --from and --to, or --at alone", param_hint="--from")
    stretch = ReviewedReadings(channel, moment(from_, "--from", zone), moment(to, "--to", zone))
    if stretch.after >= stretch.until:
        raise typer.BadParameter(f"found {from_} up to {to}, expected a later time", param_hint="--to")
    return stretch


def _line(act: Act, zone: ZoneInfo) -> str:
    from quantrac.desks.verdicts import VERDICTS

    if act.kind == "flag":
        said = next((word for word, quality in VERDICTS.items() if quality == act.flag), str(act.flag))
    elif act.kind == "unflag":
        said = "no verdict"
    elif act.value is not None:
        said = f"= {act.value:g}"
    elif act.kind == "rejection" and act.flag is not None:
        said = "suspect"
    else:
        said = f"= raw * {act.factor:g} {'-' if (act.added or 0) < 0 else '+'} {abs(act.added or 0):g}"
    if act.drift is not None and act.drift_from is not None and act.drift_to is not None:
        said += f", drift {act.drift:g} from {shown(act.drift_from, zone)} to {shown(act.drift_to, zone)}"
    span = f"{shown(act.from_t, zone)} .. {shown(act.to_t, zone)}"
    if act.kind == "rejection":
        said = f"rejected: {said}"
    place = act.channel if act.device is None else f"{act.channel} (device {act.device}, all channels)"
    return (
        f"{act.review_id:>6}  {act.state:<9}  {place}  {span}  {act.readings} readings  {said}  "
        f"{act.person}: {act.reason}"
    )


def _found_line(one: FoundStretch, zone: ZoneInfo) -> str:
    span = f"{shown(one.from_t, zone)} .. {shown(one.to_t, zone)}"
    values = "" if one.low is None or one.channels else f"  {one.low:g} .. {one.high:g}"
    word = "fail" if one.flag == Quality.FAIL else "suspect"
    place = f"{one.station}, device {one.device}: {', '.join(one.channels)}" if one.channels else one.channel
    return f"{word:<7}  {place}  {span}  {one.readings} readings  {', '.join(one.tests)}{values}"
