"""`quantrac rules …`: checks alarm rules, runs their tests, and tries them on stored readings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson, Person, answer, group
from quantrac.cli.commands.rules_routes import routes
from quantrac.cli.environment import configured_network, database
from quantrac.config.loader import load_rules
from quantrac.config.network import Network

if TYPE_CHECKING:
    from alerts.trials.backtest_run import BacktestReport
    from alerts.trials.rule_checks import RuleFinding

app = group()
app.command(short_help="Show whom an alarm would reach, by which way, when, why.")(routes)

Root = Annotated[
    Path | None, typer.Argument(help="Folder of configuration; default QUANTRAC_CONFIG, else ./station_configs.")
]
Overlay = Annotated[str | None, typer.Option(help="Overlay folder merged over it; default QUANTRAC_OVERLAY.")]


@app.command(short_help="Check files, limits, texts, recipients; --history: how often they would raise.")
def check(
    root: Root = None,
    overlay: Overlay = None,
    history: Annotated[
        int | None,
        typer.Option(min=1, help="Also run them over so many stored days: more than 20 % with an alarm is a finding."),
    ] = None,
    confirm: Annotated[
        list[str] | None, typer.Option(help="A rule that may raise that often; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the rules: files, limits, texts, recipients; exit 2 if a file is wrong, 1 for findings."""
    from alerts.trials.rule_checks import findings

    network = configured_network(root, overlay)
    found = findings(network)
    if history is not None:
        found += _noisy(network, history, frozenset(confirm or ()))
    count = len(network.rules) + len(network.composites)
    lines = [f"{one.rule}: {one.where}: {one.what}" for one in found]
    answer({"rules": count, "findings": found}, [*lines, f"{count} rules, {len(found)} findings"], as_json=as_json)
    if found:
        raise typer.Exit(1)


@app.command(short_help="Say that rule files that are gone or empty shall be so.")
def confirm(
    person: Person,
    reason: Annotated[str | None, typer.Option(help="Why; stands in the history.")] = None,
) -> None:
    """Say that files that are gone or empty shall be so: running services take the rest of the files then.

    Until then what these files said stays in force; `quantrac status` names them. A restart takes files as they are.
    """
    from alerts import desk

    with database("alerts", "rules") as conn:
        desk.confirm_files(conn, person, reason, datetime.now(UTC))
    print("confirmed: services take the files as they are now")


def _noisy(network: Network, days: int, confirmed: frozenset[str]) -> list[RuleFinding]:
    from alerts.telling.address_book import load_contacts
    from alerts.trials.backtest_run import too_often
    from alerts.trials.rule_checks import RuleFinding, people_findings

    last = datetime.now(network.zone).date()
    with database("alerts", "rules check") as conn:
        found = too_often(conn, network, last - timedelta(days=days - 1), last)
        untold = people_findings(network, load_contacts(conn))
    return untold + [
        RuleFinding(
            one.rule, one.station, f"would stand in alarm on {one.share:.0%} of {days} days; --confirm {one.rule}"
        )
        for one in found
        if one.rule not in confirmed
    ]


@app.command("test", short_help="Run the tests that stand in the rule files.")
def run_tests(root: Root = None, overlay: Overlay = None, as_json: AsJson = False) -> None:
    """Run the tests that stand in the rule files: series in, alarms out; exit 1 if one fails."""
    from alerts.trials.rule_tests import run_rule_tests

    results = run_rule_tests(configured_network(root, overlay))
    lines = []
    for result in results:
        lines.append(f"{'passed' if result.passed else 'FAILED'}  {result.name}")
        lines += [f"        expected, not raised: {alarm}" for alarm in result.missing]
        lines += [f"        raised, not expected: {alarm}" for alarm in result.unexpected]
    lines.append(f"{sum(result.passed for result in results)} of {len(results)} tests passed")
    answer([{**dataclasses.asdict(one), "passed": one.passed} for one in results], lines, as_json=as_json)
    if not all(result.passed for result in results):
        raise typer.Exit(1)


Day = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, local.")]
LastDay = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")]


@app.command(short_help="Which alarms the rules would have raised on stored readings.")
def backtest(
    first: Day,
    last: LastDay,
    rules: Annotated[
        Path | None, typer.Option(help="A rule file to try: compared with the rules of the same names in force.")
    ] = None,
    station: Annotated[list[str] | None, typer.Option(help="Only this station; may be repeated.")] = None,
    root: Root = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Say which alarms the rules would have raised on stored readings: by rule and station, messages a person, figures.

    Every reading counts at its own time, as if none had come late. Nothing is recorded or sent.
    """
    from alerts.trials.backtest_run import run_backtest

    network = configured_network(root, overlay)
    new = None if rules is None else load_rules(rules, network)
    with database("alerts", "rules backtest") as conn:
        report = run_backtest(conn, network, first.date(), last.date(), new=new, stations=station)
    answer(report, _report_lines(report), as_json=as_json)


@app.command(short_help="Make what is normal for channels, by month and tide phase.")
def normals(
    first: Day,
    last: LastDay,
    channel: Annotated[
        list[str] | None, typer.Option(help="A channel, such as st-my-thanh/do; default: all of departure rules.")
    ] = None,
    root: Root = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Make what is normal for channels of their stored good readings: median and MAD by month and tide phase.

    Rules of departure (`of: departure`) compare with it; `alerts run` takes it within seconds. Give it a year or more.
    """
    from alerts.trials.normals import departing_channels, make_normals

    network = configured_network(root, overlay)
    wanted = channel or departing_channels(network)
    with database("alerts", "rules normals") as conn:
        made = make_normals(conn, network, wanted, first.date(), last.date(), datetime.now(UTC))
    lines = [
        f"{one.channel}: {one.readings:,} good readings, {len(one.cells)} normals of "
        f"{len({cell.month for cell in one.cells})} months"
        for one in made
    ]
    answer(made, [*lines, f"{len(made)} channels"], as_json=as_json)


def _report_lines(report: BacktestReport) -> Iterator[str]:
    for line in report.lines:
        levels = ", ".join(f"{count} {level}" for level, count in line.by_level.items())
        yield (
            f"{line.rule}  {line.station}  {line.alarms} alarms ({levels})  median {line.median_minutes:.0f} min, "
            f"longest {line.longest_minutes:.0f} min  on {line.days_with_alarms} days"
        )
    kpis = report.kpis
    yield (
        f"{kpis.alarms} alarms, {kpis.per_day:.2f} a day, at most {kpis.peak_in_ten_minutes} in ten minutes, flood "
        f"{kpis.flood_share:.2%}, {kpis.stale} longer than a day, {kpis.chattering} chattering, "
        f"{kpis.standing_at_end} standing at the end"
    )
    for person in report.people:
        yield (
            f"{person.contact}: {person.messages} messages, a week {person.median_week:g} at the median, "
            f"{person.worst_week} at most"
        )
    if report.difference is not None:
        for sign, alarms in (("-", report.difference.only_in_force), ("+", report.difference.only_new)):
            for alarm in alarms:
                yield f"{sign} {alarm.rule}  {alarm.channel}  {alarm.level}  {_utc(alarm.raised_ms)}"
        yield (
            f"against the rules in force: {len(report.difference.only_in_force)} alarms less, "
            f"{len(report.difference.only_new)} more, {report.difference.in_both} the same"
        )
    yield (
        f"{report.readings:,} readings of {report.channels} channels in {report.whole_s:.1f} s, "
        f"evaluated in {report.evaluation_s:.1f} s of it"
    )


def _utc(t_ms: int) -> str:
    return f"{datetime.fromtimestamp(t_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
