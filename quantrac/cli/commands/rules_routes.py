"""`quantrac rules routes`: shows whom an alarm would reach, by which way, when and why."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import answer
from quantrac.cli.environment import configured_network, database

if TYPE_CHECKING:
    from alerts.telling.explanation import Explained
    from alerts.telling.stages import Matter
    from quantrac.config.network import Network
    from quantrac.database.pool import Connection


def routes(
    explain: Annotated[int | None, typer.Option(help="Number of an alarm, see `alarms list`.")] = None,
    rule: Annotated[str | None, typer.Option(help="Or a rule that might raise, with --station.")] = None,
    station: Annotated[str | None, typer.Option(help="The station.")] = None,
    level: Annotated[str | None, typer.Option(help="The level; default the worst.")] = None,
    at: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M"], help="Local time; default now.")] = None,
    overlay: Annotated[str | None, typer.Option(help="Overlay folder; default QUANTRAC_OVERLAY.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; times in UTC.")] = False,
) -> None:
    """Show whom an alarm that rose at a time would reach, by which way, when and why, and whom escalation calls.

    Messages about other alarms by then count (storms, caps, grouping), and so does what withholds an alarm. The
    messages of an alarm that is on record follow. Changes nothing.
    """
    from alerts.telling.explanation import on_record

    if (explain is None) == (rule is None) or (rule is not None and station is None):
        raise typer.BadParameter("give --explain NUMBER, or --rule and --station")
    network = configured_network(overlay=overlay)
    now = datetime.now(UTC) if at is None else at.replace(tzinfo=network.zone)
    with database("alerts", "rules routes") as conn:
        about = _Asked(rule or "", station or "", level) if explain is None else _of_alarm(conn, explain)
        matter, found = _explained(conn, network, about, now)
        if explain is not None:
            found += on_record(conn, explain)
    where = about.station or "the centre"
    heading = f"{about.rule} at {where}: {matter.severity.word}, to {', '.join(sorted(matter.groups))}"
    answer(found, [heading, *(_line(line, network.zone) for line in found)], as_json=as_json)


@dataclasses.dataclass(frozen=True)
class _Asked:
    """The alarm in question, on record or imagined."""

    rule: str
    station: str
    level: str | None
    channel: str | None = None
    alarm_id: int | None = None


def _of_alarm(conn: Connection, number: int) -> _Asked:
    from alerts import desk

    row = desk.alarm(conn, number)
    return _Asked(row.rule, row.station or "", row.level, row.channel, number)


def _explained(conn: Connection, network: Network, about: _Asked, now: datetime) -> tuple[Matter, list[Explained]]:
    from alerts.alarm.suppression import withheld_by
    from alerts.telling.address_book import load_contacts
    from alerts.telling.explanation import explain
    from alerts.telling.recent_messages import RecentMessages
    from alerts.telling.routes import Routing

    matter, channel = _matter(network, about)
    people, routing = load_contacts(conn), Routing.of(network)
    messages = RecentMessages(conn, routing, until=now, without=about.alarm_id)
    ids = [one.contact_id for one in people]
    recent = messages.of_what_might_be(about.rule, about.station or None, about.channel or channel, ids, now)
    if about.alarm_id is not None:
        matter = dataclasses.replace(matter, withheld=withheld_by(conn, about.alarm_id, now))
    return matter, list(explain(people, routing, matter, now, recent))


def _matter(network: Network, about: _Asked) -> tuple[Matter, str | None]:
    """Return what people may be told of, and the channel."""
    from alerts.alarm.change import Purpose
    from alerts.rules.compiler import compile_network
    from alerts.rules.composite import compile_composites
    from alerts.telling.explanation import chosen_level
    from alerts.telling.stages import Matter
    from alerts.watchdogs.own_rules import own_rules

    if (own := own_rules(network).get(about.rule)) is not None:
        return Matter(
            Purpose.RAISED,
            about.station or None,
            own.severity,
            frozenset(own.to),
            breaks=own.breaks_quiet_hours,
            by_day=own.by_day,
        ), None
    rules = [one for channel in compile_network(network).values() for one in channel]
    rules += [one.rule for one in compile_composites(network)]
    there, chosen = chosen_level(rules, about.rule, about.station, about.level)
    to, breaks = frozenset(chosen.to), chosen.breaks_quiet_hours
    return Matter(Purpose.RAISED, about.station, chosen.severity, to, there.parameter, breaks=breaks), there.channel


def _line(line: Explained, zone: ZoneInfo) -> str:
    when = "not told        " if line.told_at is None else f"{line.told_at.astimezone(zone):%Y-%m-%d %H:%M}"
    return f"  {line.occasion:<9}  {when}  {line.medium or '-':<7}  {line.stage:<11}  {line.name}: {line.why}"
