"""`quantrac rules routes`: shows whom an alarm would reach, by which way, when and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import answer
from quantrac.cli.environment import configured_network, database

if TYPE_CHECKING:
    from alerts.telling.explanation import Explained


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
    from alerts.inquiry import Inquiry, answer_inquiry, of_alarm
    from alerts.telling.explanation import on_record

    if (explain is None) == (rule is None) or (rule is not None and station is None):
        raise typer.BadParameter("give --explain NUMBER, or --rule and --station")
    network = configured_network(overlay=overlay)
    now = datetime.now(UTC) if at is None else at.replace(tzinfo=network.zone)
    with database("alerts", "rules routes") as conn:
        about = Inquiry(rule or "", station or "", level) if explain is None else of_alarm(conn, explain)
        matter, found = answer_inquiry(conn, network, about, now)
        if explain is not None:
            found += on_record(conn, explain)
    where = about.station or "the centre"
    heading = f"{about.rule} at {where}: {matter.severity.word}, to {', '.join(sorted(matter.groups))}"
    answer(found, [heading, *(_line(line, network.zone) for line in found)], as_json=as_json)


def _line(line: Explained, zone: ZoneInfo) -> str:
    when = "not told        " if line.told_at is None else f"{line.told_at.astimezone(zone):%Y-%m-%d %H:%M}"
    return f"  {line.occasion:<9}  {when}  {line.medium or '-':<7}  {line.stage:<11}  {line.name}: {line.why}"
