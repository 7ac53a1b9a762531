"""`quantrac alarms …`: lists alarms, acknowledges, shelves and resets them, puts stations out of service."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import Person, answer, duration, group, moment
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown

if TYPE_CHECKING:
    from alerts.desk import AlarmRow, EventRow, OutRow
    from alerts.timeline import MessageRow

app = group()

Json = Annotated[bool, typer.Option("--json", help="For programs; times in UTC.")]
Number = Annotated[int, typer.Argument(help="Number of the alarm, see list.")]


@app.command("list", short_help="List alarms: what stands, or by state, time, place and words.")
def list_(
    state: Annotated[
        str,
        typer.Option(
            help="One of: standing, unanswered (of these), acknowledged, shelved, out of service, "
            "suppressed by design, past, returned (over before anybody acknowledged), false, late, all."
        ),
    ] = "standing",
    every: Annotated[bool, typer.Option("--all", help="As --state all.")] = False,
    severity: Annotated[str | None, typer.Option(help="Only low, medium, high or critical ones.")] = None,
    station: Annotated[str | None, typer.Option(help="Only of this station.")] = None,
    parameter: Annotated[str | None, typer.Option(help="Only of this parameter, such as do.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Raised from this day or time on.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Raised before this day or time.")] = None,
    text: Annotated[str, typer.Option(help="Words of title, station, parameter or rule; or a number.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: Json = False,
) -> None:
    """List alarms: those that stand with the worst first, others the newest first."""
    from alerts.alarm_search import STATES, AlarmQuery, alarm_page

    if state not in STATES:
        raise typer.BadParameter(f"found {state!r}, expected one of: {', '.join(STATES)}", param_hint="--state")
    with database("alerts", "alarms") as conn:
        zone = time_zone(conn)
        begin = None if since is None else moment(since, "--from", zone)
        end = None if until is None else moment(until, "--to", zone)
        query = AlarmQuery("all" if every else state, severity, station, parameter, begin, end, text)
        rows = alarm_page(conn, query, limit).rows
    answer(rows, (_line(row, zone) for row in rows), as_json=as_json)


@app.command(short_help="Show one alarm: its history, who was told, what follows.")
def show(number: Number, as_json: Json = False) -> None:
    """Show one alarm: its history, who was told of it and whether it arrived, and who is called next."""
    from alerts import desk, timeline

    with database("alerts", "alarms") as conn:
        row, events, zone = desk.alarm(conn, number), desk.history(conn, number), time_zone(conn)
        told = timeline.messages(conn, number)
    lines = [
        _line(row, zone),
        *(_event_line(event, zone) for event in events),
        *(_message_line(message, zone) for message in told),
        *_next_call_line(row, zone),
    ]
    answer({**dataclasses.asdict(row), "history": events, "messages": told}, lines, as_json=as_json)


@app.command()
def ack(
    number: Number,
    person: Person,
    reason: Annotated[str | None, typer.Option(help="What is being done about it.")] = None,
) -> None:
    """Acknowledge an alarm: you have seen it and look after it."""
    from alerts import desk

    with database("alerts", "alarms") as conn:
        desk.acknowledge(conn, number, person, reason, datetime.now(UTC))
    print(f"alarm {number}: acknowledged by {person}")


@app.command()
def comment(number: Number, text: Annotated[str, typer.Argument(help="The remark.")], person: Person) -> None:
    """Add a remark to an alarm's history."""
    from alerts import desk

    with database("alerts", "alarms") as conn:
        desk.comment(conn, number, person, text, datetime.now(UTC))
    print(f"alarm {number}: remark added")


@app.command(short_help="Withhold the messages of an alarm for a while.")
def shelve(
    number: Number,
    reason: Annotated[str, typer.Argument(help="Why; stands in the history.")],
    person: Person,
    for_: Annotated[float, duration("How long, such as 30m, 8h, 2d; at most 7d.", "--for", default="8h")],
) -> None:
    """Withhold the messages of this alarm's rule and channel for a while; it goes on being evaluated and recorded.

    What rises meanwhile and still stands at the end is sent then.
    """
    from alerts import desk

    now = datetime.now(UTC)
    until = now + timedelta(seconds=for_)
    with database("alerts", "alarms") as conn:
        desk.shelve(conn, number, person, reason, until, now)
        zone = time_zone(conn)
    print(f"alarm {number}: shelved by {person} until {shown(until, zone)}")


@app.command(short_help="End the shelving of an alarm before its time.")
def unshelve(
    number: Number,
    person: Person,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
) -> None:
    """End the shelving of an alarm before its time; what was withheld and still stands is sent."""
    from alerts import desk

    with database("alerts", "alarms") as conn:
        desk.unshelve(conn, number, person, reason, datetime.now(UTC))
    print(f"alarm {number}: no longer shelved")


@app.command(short_help="Reset a latched alarm that is back to normal.")
def reset(
    number: Number, person: Person, reason: Annotated[str | None, typer.Option(help="What was found.")] = None
) -> None:
    """Reset a latched alarm whose readings have returned to normal (rules with `latched: true`)."""
    from alerts import desk

    with database("alerts", "alarms") as conn:
        desk.reset(conn, number, person, reason, datetime.now(UTC))
    print(f"alarm {number}: reset by {person}")


@app.command("false", short_help="Mark an alarm as false: nothing was wrong.")
def mark_false(
    number: Number,
    person: Person,
    reason: Annotated[str | None, typer.Option(help="Why it rose, as far as known.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the mark back.")] = False,
) -> None:
    """Mark an alarm as false: nothing was wrong. `report alarms` counts the share."""
    from alerts import desk

    with database("alerts", "alarms") as conn:
        desk.mark_false(conn, number, person, reason, datetime.now(UTC), undo=undo)
    print(f"alarm {number}: {'no longer ' if undo else ''}marked as false by {person}")


@app.command(short_help="Let the public read an alarm.")
def publish(
    number: Number,
    person: Person,
    reason: Annotated[str | None, typer.Option(help="Why; only people of the centre read it.")] = None,
) -> None:
    """Let the public read an alarm at /public: where, what, since when and what to do; never who or why."""
    from alerts import desk

    with database("alerts", "alarms") as conn:
        desk.publish(conn, number, person, reason, datetime.now(UTC))
    print(f"alarm {number}: made public by {person}")


@app.command(short_help="Take an alarm from the public.")
def unpublish(
    number: Number,
    person: Person,
    reason: Annotated[str | None, typer.Option(help="Why; only people of the centre read it.")] = None,
) -> None:
    """Take an alarm from the public; programs that took its CAP message find that it is cancelled."""
    from alerts import desk

    with database("alerts", "alarms") as conn:
        desk.unpublish(conn, number, person, reason, datetime.now(UTC))
    print(f"alarm {number}: taken from the public by {person}")


Place = Annotated[str, typer.Argument(help="Station, device or channel: st-a, st-a/sonde, st-a/sonde/do.")]


@app.command(short_help="Put a station, device or channel out of service.")
def out(
    place: Place,
    reason: Annotated[str, typer.Argument(help="Why; stands in the history.")],
    person: Person,
    for_: Annotated[float, duration("How long, such as 4h, 2d; at most 90d.", "--for", default="4h")],
    begin: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%dT%H:%M"], help="Local time; default now."),
    ] = None,
) -> None:
    """Put a station, device or channel out of service for maintenance: its alarms are recorded and withheld.

    What rose meanwhile and still stands at the end is sent then.
    """
    from alerts import desk

    now = datetime.now(UTC)
    station, _, device = place.partition("/")
    with database("alerts", "alarms") as conn:
        zone = time_zone(conn)
        since = None if begin is None else begin.replace(tzinfo=zone).astimezone(UTC)
        until = (since or now) + timedelta(seconds=for_)
        desk.take_out_of_service(conn, station, device or None, person, reason, until, now, since=since)
    term = "" if since is None else f"from {shown(since, zone)} "
    print(f"{place}: out of service by {person} {term}until {shown(until, zone)}")


@app.command("in", short_help="Put a station, device or channel back in service.")
def in_(
    place: Place, person: Person, reason: Annotated[str | None, typer.Option(help="What was done.")] = None
) -> None:
    """Put it back in service, or cancel what is planned; withheld messages of what still stands are sent."""
    from alerts import desk

    station, _, device = place.partition("/")
    with database("alerts", "alarms") as conn:
        desk.put_in_service(conn, station, device or None, person, reason, datetime.now(UTC))
    print(f"{place}: in service")


@app.command("out-of-service", short_help="List what is out of service: who, why, until.")
def out_of_service(as_json: Json = False) -> None:
    """List what is or will be out of service: stations, devices, channels; who put them, why, until when."""
    from alerts import desk

    with database("alerts", "alarms") as conn:
        rows, zone = desk.out_of_service(conn), time_zone(conn)
    answer(rows, (_out_line(row, zone) for row in rows), as_json=as_json)


def _line(row: AlarmRow, zone: ZoneInfo) -> str:
    over = "" if row.cleared_at is None else f"  until {shown(row.cleared_at, zone)}"
    unknown = "" if row.no_data_since is None else f"  no data since {shown(row.no_data_since, zone)}"
    late = "" if row.known_at is None else f"  late data of {shown(row.known_at, zone)}"
    late += "" if row.untold is None else f", nobody was told: {row.untold}"
    where = row.channel or row.station or "centre"
    return (
        f"{row.alarm_id:>6}  {shown(row.raised_at, zone)}  {row.severity:<8}  {row.state:<20}  {where}  "
        f"{row.rule} {row.level}{_measured(row)}{over}{unknown}{late}"
    )


def _event_line(event: EventRow, zone: ZoneInfo) -> str:
    by = f" by {event.person}" if event.person else ""
    return f"  {shown(event.time, zone)}  {event.event}{by}{f': {event.reason}' if event.reason else ''}"


def _message_line(message: MessageRow, zone: ZoneInfo) -> str:
    carrier = f" ({message.carrier})" if message.carrier else ""
    at = message.delivered_at or message.sent_at or message.next_attempt_at or message.queued_at
    why = message.held_for if message.status == "held" else message.error
    return (
        f"  {shown(message.queued_at, zone)}  {message.purpose} to {message.contact} by {message.medium}{carrier}: "
        f"{message.status} {shown(at, zone)}{f': {why}' if why else ''}"
    )


def _next_call_line(row: AlarmRow, zone: ZoneInfo) -> list[str]:
    if row.call_at is None:
        return []
    to = "whoever was told before" if row.call_to is None else ", ".join(row.call_to)
    by = "" if row.call_by is None else f" by {', '.join(row.call_by)}"
    return [f"  next: at {shown(row.call_at, zone)}, unless somebody acknowledges, to {to}{by}"]


def _out_line(row: OutRow, zone: ZoneInfo) -> str:
    where = row.station if row.device is None else f"{row.station}/{row.device}"
    return f"{where}  {shown(row.since, zone)} until {shown(row.until, zone)}  {row.person}: {row.reason}"


def _measured(row: AlarmRow) -> str:
    """Return the value and its limit; an alarm of the books has a number of messages and no limit."""
    if row.value is None:
        return ""
    limit = "" if row.limit is None else f" (limit {row.limit:g})"
    return f"  {row.value:g}{limit} {row.unit or ''}".rstrip()
