"""`quantrac rules routes`: who would be told what, when and why."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from alerts.telling.explaining import Explained
    from alerts.telling.routing import Matter
    from quantrac.config.network import Network
    from quantrac.database.pool import Connection

LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")


def routes(
    explain: Annotated[int | None, typer.Option(help="Number of an alarm, see `alarms list`.")] = None,
    rule: Annotated[str | None, typer.Option(help="Or a rule that might raise, with --station.")] = None,
    station: Annotated[str | None, typer.Option(help="The station.")] = None,
    level: Annotated[str | None, typer.Option(help="The level; default the worst.")] = None,
    at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M"], help="Time of Vietnam; default now.")
    ] = None,
    overlay: Annotated[str | None, typer.Option(help="Overlay folder; default QUANTRAC_OVERLAY.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; times in UTC.")] = False,
) -> None:
    """Say who would be told of an alarm, by which way, when and why, and whom escalation calls. Changes nothing.

    As if nobody had been told of anything else of late: storms, caps and grouping depend on that.
    """
    from alerts.telling import explaining
    from alerts.telling.people import load_contacts
    from alerts.telling.routing import Routing
    from quantrac.config.loading import load_network
    from quantrac.config.settings import Settings
    from quantrac.database.migrate import connect_migrated

    if (explain is None) == (rule is None) or (rule is not None and station is None):
        raise typer.BadParameter("give --explain NUMBER, or --rule and --station")
    settings = Settings()
    network = load_network(settings.config, overlay or settings.overlay)
    now = datetime.now(UTC) if at is None else at.replace(tzinfo=LOCAL)
    with connect_migrated(settings.database("alerts"), "quantrac rules routes") as conn:
        if explain is not None:
            rule, station, level = _of_alarm(conn, explain)
        matter, breaks = _matter(network, rule or "", station or "", level, now)
        people = load_contacts(conn)
    found = list(explaining.explain(people, Routing.of(network), matter, breaks=breaks, now=now))
    if as_json:
        print(json.dumps([_plain(line) for line in found], ensure_ascii=False))
        return
    print(f"{rule} at {station}: {matter.severity.word}, to {', '.join(sorted(matter.groups))}")
    for line in found:
        print(_line(line))


def _of_alarm(conn: Connection, number: int) -> tuple[str, str, str]:
    from alerts import desk

    row = desk.alarm(conn, number)
    return row.rule, row.station or "", row.level


def _matter(network: Network, rule: str, station: str, level: str | None, now: datetime) -> tuple[Matter, bool]:
    """Return what people may be told of, and whether it goes through quiet hours."""
    from alerts.rules.compiling import compile_network
    from alerts.rules.composite import compile_composites
    from alerts.rules.rule import Severity
    from alerts.telling.explaining import chosen_level
    from alerts.telling.routing import Matter

    if (own := _own_rules(network).get(rule)) is not None:
        severity, groups = own
        waits = rule == "calibration-due"
        matter = Matter(station, Severity.from_word(severity), frozenset(groups), None, now, by_day=waits)
        return matter, rule == "feed-lag"
    rules = [one for channel in compile_network(network).values() for one in channel]
    rules += [one.rule for one in compile_composites(network)]
    there, chosen = chosen_level(rules, rule, station, level)
    return Matter(station, chosen.severity, frozenset(chosen.to), there.parameter, now), chosen.breaks_quiet_hours


def _own_rules(network: Network) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return severity and groups of the rules that are not of the rule files."""
    says = network.settings
    known = {
        "station-silent": says.silence,
        "books": says.books,
        "feed-lag": says.feed,
        "calibration-due": says.calibrations,
    }
    found: dict[str, tuple[str, tuple[str, ...]]] = {
        name: (plan.severity, plan.to) for name, plan in known.items() if plan is not None
    }
    if says.silence is not None and says.silence.channels is not None:
        found["channel-no-data"] = (says.silence.channels.severity, says.silence.channels.to)
    return found


def _line(line: Explained) -> str:
    when = "not told        " if line.told_at is None else f"{line.told_at.astimezone(LOCAL):%Y-%m-%d %H:%M}"
    return f"  {line.stage:<9}  {when}  {line.medium or '-':<7}  {line.name}: {line.why}"


def _plain(line: Explained) -> dict[str, object]:
    values = dataclasses.asdict(line)
    return {**values, "told_at": None if line.told_at is None else line.told_at.astimezone(UTC).isoformat()}
