"""`quantrac report …`: alarms by ISA-18.2, completeness with causes, limits, the archive of a year."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import AsJson, Person, answer, day, group, moment
from quantrac.cli.commands.bulletins import bulletin, templates
from quantrac.cli.environment import configured_network, database
from quantrac.cli.whole_file import whole_file
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown

if TYPE_CHECKING:
    from alerts.performance import Performance
    from quantrac.config.limits import DecreeLimit
    from quantrac.telemetry.gaps import ExplainedGap
    from reports.disclosure.versions import Disclosure
    from reports.spans import ReportSpan

app = group()
app.add_typer(bulletin, name="bulletin")
app.add_typer(templates, name="templates")


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


@app.command(short_help="Shares of the expected readings that came and that count; causes of what lacks.")
def completeness(
    of_day: Annotated[str | None, typer.Option("--day", help="By channel, of a day: 2026-10-03.")] = None,
    month: Annotated[str | None, typer.Option(help="By channel, of a month: 2026-10.")] = None,
    year: Annotated[str | None, typer.Option(help="By channel, of a year and its months: 2026.")] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day; default 30 days before.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day, inclusive; default yesterday.")
    ] = None,
    station: Annotated[str | None, typer.Option(help="Only of this station.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="With --day, --month, --year: for spreadsheets.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report which shares of the expected readings came (received) and count (valid).

    Without --day, --month or --year by station and day. With one of them by channel, each with the causes of the
    readings that lack: link, power, calibration, maintenance, out of service, fault, test, centre,
    unknown.
    """
    from reports.completeness.days import station_days

    named = _given(of_day, month, year)
    if named and (first is not None or last is not None):
        raise typer.BadParameter("not with --from and --to", param_hint="--day, --month, --year")
    if named:
        _by_channel(_span_of(named), station, as_csv=as_csv, as_json=as_json)
        return
    if as_csv:
        raise typer.BadParameter("only with --day, --month, --year", param_hint="--csv")
    with database("console", "report completeness") as conn:
        now = datetime.now(UTC)
        until = now.astimezone(time_zone(conn)).date() - timedelta(days=1) if last is None else day(last, "--to")
        since = until - timedelta(days=29) if first is None else day(first, "--from")
        found = station_days(conn, since, until, now, None if station is None else frozenset({station}))
    lines = (
        f"{one.station:<24}  {one.day}  {_share(one.share):>5}  {one.counted} of {one.expected}, {one.received} came"
        for one in found
    )
    answer(found, lines, as_json=as_json)


def _given(of_day: str | None, month: str | None, year: str | None) -> dict[str, str]:
    return {option: name for option, name in (("--day", of_day), ("--month", month), ("--year", year)) if name}


def _span_of(named: dict[str, str]) -> ReportSpan:
    """Return the span that one of the options names. Raises BadParameter, BadSpan."""
    from reports.spans import ReportSpan

    if len(named) != 1:
        raise typer.BadParameter("expected one of them", param_hint="--day, --month, --year")
    ((option, name),) = named.items()
    span = ReportSpan.of(name)
    if span.word != option.removeprefix("--"):
        raise typer.BadParameter(f"found the {span.word} {name}", param_hint=option)
    return span


def _by_channel(span: ReportSpan, station: str | None, *, as_csv: bool, as_json: bool) -> None:
    from reports.completeness import report

    with database("console", "report completeness") as conn:
        within = None if station is None else frozenset({station})
        rows = report.completeness_report(conn, span, datetime.now(UTC), within)
    if as_csv:
        print(report.as_csv(rows), end="")
        return
    lines = (
        f"{row.channel:<32}  {row.period:<10}  {row.expected:>7}  received {report.percent(row.received_share):>6} %  "
        f"valid {report.percent(row.valid_share):>6} %  "
        + ", ".join(f"{cause} {readings}" for cause, readings in row.lacking.items())
        for row in rows
    )
    answer(rows, (line.rstrip() for line in lines), as_json=as_json)


@app.command(short_help="The gaps of a station's day and their causes.")
def gaps(
    station: Annotated[str, typer.Argument(help="Such as st-my-thanh.")],
    of: Annotated[str, typer.Argument(metavar="DAY", help="Such as 2026-11-24, local.")],
    as_json: AsJson = False,
) -> None:
    """List the stretches of a day in which readings of a channel are missing or do not count, each with its cause."""
    from reports.completeness import days as desk

    with database("console", "report gaps") as conn:
        zone = time_zone(conn)
        found = desk.gaps(conn, station, day(of, "DAY"), datetime.now(UTC))
    answer(found, (_gap(one, zone) for one in found), as_json=as_json)


@app.command(short_help="How often limits of decrees were exceeded, by channel.")
def exceedances(
    limits: Annotated[
        str, typer.Argument(help="A file of limits such as qcvn-05-2023, or one such as qcvn-08-2023/do/b.")
    ],
    of_day: Annotated[str | None, typer.Option("--day", help="Of a day: 2026-10-03.")] = None,
    month: Annotated[str | None, typer.Option(help="Of a month: 2026-10.")] = None,
    year: Annotated[str | None, typer.Option(help="Of a year, with annual means: 2026.")] = None,
    station: Annotated[str | None, typer.Option(help="Only of this station.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="For spreadsheets.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report how many values the limits of a decree did not allow, and the worst of them, by channel.

    Limits of means are held against the channels with such means, those of single values against hourly means; each
    value against the figure that was in force on its day. Hours that are not valid do not count.
    """
    from quantrac.telemetry.local_time import Calendar
    from reports.limits import report

    network, span = configured_network(), _span_of(_given(of_day, month, year))
    within = None if station is None else frozenset({station})
    with database("console", "report exceedances") as conn:
        rows = report.exceedance_report(conn, network, limits, span, datetime.now(UTC), within)
    if as_csv:
        print(report.as_csv(rows), end="")
        return
    answer(rows, report.as_lines(rows, Calendar(network.zone)), as_json=as_json)


@app.command(short_help="The limits of decrees and standards.")
def limits(
    named: Annotated[str | None, typer.Argument(help="Only those of a file such as qcvn-05-2023.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the limits of decrees and standards in the files, each with its period, and whether it is unconfirmed."""
    from reports.limits import report

    network = configured_network()
    found = network.limits if named is None else report.chosen(network, named)
    every = [limit for versions in found.values() for limit in versions]
    answer(every, (f"{one.name:<40}  {_days(one)}  {report.words_of(one)}" for one in every), as_json=as_json)


class UnsignedDays(StrEnum):
    """What is done with days that nobody signed."""

    REFUSE = "refuse"
    MARK = "mark"


@app.command(short_help="Make the archive of a year that is disclosed (công khai).")
def year(
    of_year: Annotated[int, typer.Argument(metavar="YEAR", help="Such as 2026; it must be over.")],
    reason: Annotated[str, typer.Option(help="Why this version is made; stands beside it.")],
    person: Person,
    unsigned: Annotated[
        UnsignedDays, typer.Option(help="Days that nobody signed as reviewed: refuse the year, or mark them in it.")
    ] = UnsignedDays.REFUSE,
    as_json: AsJson = False,
) -> None:
    """Make the archive of a year (Decree 73/2017/ND-CP) and keep it as its next version, which never changes.

    A ZIP with hourly and daily values as CSV and Parquet, dictionary, stations, limits, completeness with causes,
    findings, verdicts, corrections, and checksums. Where nothing changed since the newest version, no other is made.
    """
    from reports.disclosure.versions import disclose

    limits, marks = configured_network().limits, unsigned is UnsignedDays.MARK
    with database("console", "report year") as conn:
        made, is_new = disclose(conn, limits, of_year, person, reason, datetime.now(UTC), marks_unsigned=marks)
    said = "" if is_new else "nothing changed since "
    answer({**dataclasses.asdict(made), "new": is_new}, [said + _version(made)], as_json=as_json)


@app.command(short_help="The versions of the yearly archives; with --output one of them as a file.")
def years(
    of_year: Annotated[int | None, typer.Option("--year", help="Only of this year.")] = None,
    version: Annotated[int | None, typer.Option(help="With --year and --output; default the newest.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the archive to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the versions of the yearly archives, or write one to a file."""
    from reports.disclosure import versions

    with database("console", "report years") as conn:
        found = [one for one in versions.disclosures(conn) if of_year in (None, one.year)]
        if output is not None:
            if of_year is None:
                raise typer.BadParameter("needs --year", param_hint="--output")
            newest = found[0].version if found else 1
            found = [versions.disclosure(conn, of_year, newest if version is None else version)]
            with whole_file(output) as out:
                out.writelines(versions.parts(conn, found[0].year, found[0].version))
    answer(found, (_version(one) for one in found), as_json=as_json)


def _version(one: Disclosure) -> str:
    signed = f"{one.unsigned_days} of {one.days} days not signed" if one.unsigned_days else "all days signed"
    return (
        f"{one.year} version {one.version}  {one.bytes} bytes  {signed}  {one.made_at:%Y-%m-%d %H:%M}Z  {one.person}: "
        f"{one.reason}  sha256 {one.sha256}"
    )


def _days(limit: DecreeLimit) -> str:
    first, last = (str(day or "") for day in (limit.first, limit.last))
    return f"{first:>10} .. {last:<10}"


def _gap(one: ExplainedGap, zone: ZoneInfo) -> str:
    gap = one.gap
    span = f"{gap.after.astimezone(zone):%H:%M:%S} .. {gap.until.astimezone(zone):%H:%M:%S}"
    said = "" if one.event is None else f"  {one.event.kind} {shown(one.event.time, zone)} {one.event.detail}".rstrip()
    return f"{gap.channel:<32}  {span}  {gap.readings:>5}  {gap.kind:<8}  {one.cause}{said}"


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
