"""`quantrac report alarms`: prints how well the alarm system did in a period, by the figures of ISA-18.2."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson, answer, group, moment
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone

if TYPE_CHECKING:
    from alerts.performance import Performance

app = group()


@app.command(short_help="How well the alarm system does: figures of ISA-18.2.")
def alarms(
    first: Annotated[str | None, typer.Option("--from", help="Begin, local; default 30 days before.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="End, local; default now.")] = None,
    operators: Annotated[int, typer.Option(min=1, help="Operators that alarms are divided among.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Report how well the alarm system does, by the figures of ISA-18.2.

    Alarms per ten minutes and operator, peak, floods, the ten most frequent, chattering and stale ones, those that
    stand, the time to acknowledge, and the share that operators marked as false.
    """
    from alerts.performance import measure, read_times

    with database("alerts", "report alarms") as conn:
        zone = time_zone(conn)
        until = datetime.now(UTC) if last is None else moment(last, "--to", zone)
        since = until - timedelta(days=30) if first is None else moment(first, "--from", zone)
        if since >= until:
            raise typer.BadParameter("it must be earlier than --to", param_hint="--from")
        found = measure(read_times(conn, since, until), since, until, operators)
    answer({"from": since, "to": until, **dataclasses.asdict(found)}, _lines(found), as_json=as_json)


def _lines(p: Performance) -> list[str]:
    lines = [
        f"alarms                    {p.alarms}",
        f"per 10 min and operator   {p.per_ten_minutes:.3f}  (acceptable up to 1, manageable up to 2)",
        f"peak in 10 min            {p.peak}  (up to 10)",
        f"time in flood             {p.flood_share:.2%}  (less than 1 %)",
        f"chattering                {len(p.chattering)}  (none)  {'; '.join(p.chattering)}".rstrip(),
        f"stale, over 24 h          {p.stale}  (fewer than 5)",
        f"standing at the end       {p.standing}",
        f"acknowledged              {_share(p.acknowledged_share)}, after {_span(p.acknowledge_s_median)} at the "
        f"median, {_span(p.acknowledge_s_p90)} at p90",
        f"marked as false           {_share(p.false_share)}",
        "by severity               " + ", ".join(f"{word} {share:.0%}" for word, share in p.by_severity.items()),
        "most frequent:",
    ]
    return lines + [f"  {one.alarms:>5}  {one.share:>4.0%}  {one.rule}  {one.place}" for one in p.top]


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _span(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds / 60:.1f} min"
