"""`quantrac status`: shows services, stations, feed and books, and what is not well."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantrac.cli.arguments import answer
from quantrac.cli.environment import database
from quantrac.cli.processes import CENTRE_SERVICES
from quantrac.telemetry.errors import QuantracError

if TYPE_CHECKING:
    from quantrac.desks.overview import Overview
    from quantrac.desks.status import Judgement

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def status(
    service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Expect only this service, such as ingest; may be repeated. Default: all of the centre.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs; times in UTC.")] = False,
) -> None:
    """Look at services, stations, feed, books, alarms and refused messages; exit 0 if all is well, else 1.

    What is not well stands at the end, one line each, with what to do.
    """
    from quantrac.desks import status as desk

    unknown = sorted(set(service or ()) - set(CENTRE_SERVICES))
    if unknown:
        allowed = ", ".join(CENTRE_SERVICES)
        raise typer.BadParameter(f"found {', '.join(unknown)}, allowed {allowed}", param_hint="--service")
    try:
        with database("status", "status") as conn:
            verdict = desk.status(conn, service or CENTRE_SERVICES, datetime.now(UTC))
    except QuantracError as error:
        if not as_json:
            raise
        answer({"well": False, "findings": [{"about": "database", "what": str(error)}]}, [], as_json=True)
        raise typer.Exit(1) from None
    answer(_plain(verdict), _lines(verdict), as_json=as_json)
    if not verdict.well:
        raise typer.Exit(1)


def _plain(verdict: Judgement) -> dict[str, Any]:
    overview, total = verdict.overview, verdict.overview.total
    return {
        "well": verdict.well,
        "findings": [dataclasses.asdict(finding) for finding in verdict.findings],
        **dataclasses.asdict(overview),
        "total": dataclasses.asdict(total),
        "balanced": all(book.balanced for book in overview.books),
    }


def _lines(verdict: Judgement) -> Iterator[str]:
    overview = verdict.overview
    for title, text in _summary(overview):
        yield f"{title:<16} {text}"
    for finding in verdict.findings:
        yield f"NOT WELL         {finding.about}: {finding.what}"
    yield "all is well" if verdict.well else f"{len(verdict.findings)} findings"


def _summary(overview: Overview) -> Iterator[tuple[str, str]]:
    from quantrac.desks.status import age, duration, making

    now, total = overview.now, overview.total
    for one in overview.workers:
        connected = "connected" if one.connected else "not connected"
        anew = f", {said}" if (said := making(one, now)) else ""
        yield one.service, f"beat {age(now, one.beat_at)} ago, {connected}, up {age(now, one.started_at)}{anew}"
    for station in overview.stations:
        link = "online" if station.online else "offline"
        newest = "no readings yet" if station.newest is None else f"newest reading {age(now, station.newest)} ago"
        live = f"{station.channels - len(station.stale)} of {station.channels} channels live"
        yield station.station, f"{link}, {newest}, {live}"
    for consumer in overview.consumers:
        behind = f"{consumer.lag_rows} changes behind, {duration(consumer.lag_s)}"
        anew = f"recomputes everything: {consumer.making_share:.0%}" if consumer.making_share is not None else ""
        yield f"feed {consumer.consumer}", anew or behind
    parts = (f"{name} {getattr(total, name)}" for name in ("stored", "dead", "lost", "missing"))
    yield "by sequence", f"{total.highest_seq} messages = {' + '.join(parts)}"
    parts = (f"{name} {getattr(total, name)}" for name in ("new", "duplicate", "rejected"))
    yield "by arrival", f"{total.received} received = {' + '.join(parts)}; {total.conflict} readings in conflict"
    if due := [(one, one.due_at) for one in overview.calibrations if one.due_at is not None]:
        (first, at), *_ = due
        when = "is due" if at <= now else f"in {age(at, now)}"
        yield "calibrations", f"{len(overview.calibrations)} devices; next {first.station} {first.device} {when}"
    if overview.jobs:
        failed = sum(run.outcome == "failed" for run in overview.jobs)
        newest = age(now, max(run.started_at for run in overview.jobs))
        runs = f"the last run of {failed} failed" if failed else "no last run failed"
        yield "jobs", f"{len(overview.jobs)} known, the last began {newest} ago; {runs}"
    seen = sum(alarm.acknowledged_by is not None for alarm in overview.alarms)
    yield "alarms", f"{len(overview.alarms)} stand, {seen} of them acknowledged"
    yield "ingest health", f"not healthy for {duration(overview.unhealthy_s)} of the last 24 h"
    yield "dead letters", f"{overview.dead_letters} open"
