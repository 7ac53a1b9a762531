"""`quantrac rules …`: checks alarm rules, runs their tests, and tries them on stored readings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

from quantrac.cli.arguments import AsJson, Person, answer, group
from quantrac.cli.commands.rules_routes import routes
from quantrac.cli.environment import configured_network, database
from quantrac.config.cautions import rule_cautions
from quantrac.config.loader import load_rules
from quantrac.config.network import Network
from quantrac.config.rule_edits import RuleEdit, propose_rules

if TYPE_CHECKING:
    from alerts.trials.backtest_figures import Person as BacktestPerson
    from alerts.trials.backtest_run import BacktestReport, Comparison
    from alerts.trials.rule_checks import RuleFinding

app = group()
app.command(short_help="Show whom an alarm would reach, by which way, when, why.")(routes)

Root = Annotated[
    Path | None, typer.Argument(help="Folder of configuration; default QUANTRAC_CONFIG, else ./station_configs.")
]
Overlay = Annotated[str | None, typer.Option(help="Overlay folder merged over it; default QUANTRAC_OVERLAY.")]


USUAL_HISTORY: Final = 365
"""Days."""


class CheckCommand(TyperCommand):
    """Takes `--history` with and without a number of days."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the usual number where none stands."""
        words = [
            f"{word}={USUAL_HISTORY}" if word == "--history" and (not behind or behind[0].startswith("-")) else word
            for n, word in enumerate(args)
            for behind in [args[n + 1 : n + 2]]
        ]
        return super().parse_args(ctx, words)


@app.command(
    cls=CheckCommand, short_help="Check files, limits, texts, recipients; --history: how often they would raise."
)
def check(
    root: Root = None,
    overlay: Overlay = None,
    history: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Also run them over the stored readings of the last so many days, without a number 365: "
            "more than 20 % of the days that have readings with an alarm is a finding.",
        ),
    ] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of the history, local.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of the history, included.")
    ] = None,
    confirm: Annotated[
        list[str] | None, typer.Option(help="A rule that may raise that often; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the rules: files, limits, texts, recipients; exit 2 if a file is wrong, 1 for findings.

    A tag that no rule selects and a channel that no rule watches are warnings: they may be meant.
    """
    from alerts.trials.rule_checks import findings

    network = configured_network(root, overlay, rules_alone=True)
    found = findings(network)
    doubts = rule_cautions(network, datetime.now(UTC))
    told = ""
    if history is not None or first is not None or last is not None:
        until = last.date() if last is not None else datetime.now(network.zone).date()
        since = first.date() if first is not None else until - timedelta(days=(history or USUAL_HISTORY) - 1)
        _refuse_backwards(since, until)
        noisy, days = _noisy(network, since, until, frozenset(confirm or ()))
        found += noisy
        asked = f"{(until - since).days + 1} days ({since} to {until})"
        told = f", tried on the {days} of {asked} that have readings"
        if not days:
            told = f", tried on none of {asked}"
            doubts.append(f"history: no readings are stored of the {asked}: the rules were tried on none")
    count = len(network.rules) + len(network.composites)
    lines = [f"warning: {line}" for line in doubts] + [f"{one.rule}: {one.where}: {one.what}" for one in found]
    report = {"rules": count, "findings": found, "warnings": doubts}
    answer(report, [*lines, f"{count} rules, {len(found)} findings{told}"], as_json=as_json)
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


def _refuse_backwards(first: date, last: date) -> None:
    if first > last:
        raise typer.BadParameter(f"found {first}, expected a day not after {last}", param_hint="--from")


def _noisy(network: Network, first: date, last: date, confirmed: frozenset[str]) -> tuple[list[RuleFinding], int]:
    """Return what is found on the days of the history, and how many of them have readings."""
    from alerts.telling.address_book import load_contacts
    from alerts.trials.backtest_run import run_backtest, too_often
    from alerts.trials.rule_checks import RuleFinding, people_findings

    with database("alerts", "rules check") as conn:
        report = run_backtest(conn, network, first, last)
        untold = people_findings(network, load_contacts(conn))
    noisy = [
        RuleFinding(
            one.rule,
            one.station,
            f"would stand in alarm on {one.share:.0%} of the {one.days} days with readings; --confirm {one.rule}",
        )
        for one in too_often(report)
        if one.rule not in confirmed
    ]
    return untold + noisy, report.days


@app.command("test", short_help="Run the tests that stand in the rule files.")
def run_tests(root: Root = None, overlay: Overlay = None, as_json: AsJson = False) -> None:
    """Run the tests that stand in the rule files: series in, alarms out; exit 1 if one fails."""
    from alerts.trials.rule_tests import run_rule_tests

    results = run_rule_tests(configured_network(root, overlay, rules_alone=True))
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
Edits = Annotated[
    list[str] | None,
    typer.Option("--set", help="Another limit or delay to try, such as do-low.below.act.limit=2.5; may be repeated."),
]
LastDay = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")]


@app.command(short_help="Which alarms the rules would have raised on stored readings.")
def backtest(
    first: Day,
    last: LastDay,
    rules: Annotated[
        Path | None, typer.Option(help="A rule file to try: compared with the rules of the same names in force.")
    ] = None,
    edits: Edits = None,
    diff: Annotated[
        Path | None, typer.Option(help="Write what --set changes in the files to this one, as a patch.")
    ] = None,
    station: Annotated[list[str] | None, typer.Option(help="Only this station; may be repeated.")] = None,
    root: Root = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Say which alarms the rules would have raised on stored readings: by rule and station, messages a person, figures.

    Every reading counts at its own time, as if none had come late. Nothing is recorded or sent. With --set or --rules
    also which of the alarms on record would not rise any more: those marked as false, and the others. A patch is put
    into force by `patch -p1 < FILE` in the folder of the configuration.
    """
    from alerts.trials.backtest_run import run_backtest

    _refuse_backwards(first.date(), last.date())
    if (rules is not None and edits) or (diff is not None and not edits):
        raise typer.BadParameter("--set goes without --rules, and --diff with --set")
    network = configured_network(root, overlay)
    proposal = propose_rules(network, [RuleEdit.parse(edit) for edit in edits]) if edits else None
    new = proposal.changed if proposal is not None else None if rules is None else load_rules(rules, network)
    with database("alerts", "rules backtest") as conn:
        report = run_backtest(conn, network, first.date(), last.date(), new=new, stations=station or None)
    if proposal is not None and diff is not None:
        diff.write_text(proposal.diff, "utf-8")
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

    _refuse_backwards(first.date(), last.date())
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
    if report.comparison is not None:
        yield from _comparison_lines(report.comparison, report.people)
    yield (
        f"{report.readings:,} readings of {report.channels} channels in {report.whole_s:.1f} s, "
        f"evaluated in {report.evaluation_s:.1f} s of it"
    )


def _comparison_lines(comparison: Comparison, people: list[BacktestPerson]) -> Iterator[str]:
    from alerts.trials.backtest_figures import recorded_counts

    change = comparison.difference
    for sign, alarms in (("-", change.only_in_force), ("+", change.only_new)):
        for alarm in alarms:
            yield f"{sign} {alarm.rule}  {alarm.channel}  {alarm.level}  {_utc(alarm.raised_ms)}"
    yield (
        f"against the rules in force: {len(change.only_in_force)} alarms less, "
        f"{len(change.only_new)} more, {change.in_both} the same"
    )
    once, now = ({one.contact_id: one for one in of} for of in (comparison.people, people))
    for contact_id, person in sorted({**once, **now}.items()):
        before, after = (of[contact_id].messages if contact_id in of else 0 for of in (once, now))
        if before != after:
            yield f"{person.contact}: {after} messages in place of {before}"
    for one in comparison.recorded:
        if one.in_force and not one.new:
            said = f"marked as false by {one.false_by}" if one.false_by else "not marked as false"
            yield f"! alarm {one.alarm_id}  {one.alarm.channel}  {_utc(one.alarm.raised_ms)}  would not rise; {said}"
    found = recorded_counts(comparison.recorded)
    yield (
        f"on record: {found.false_gone} of {found.false} marked as false would not rise, {found.others_lost} of "
        f"{found.others} others would not; {found.unexplained} that the rules in force do not raise either"
    )


def _utc(t_ms: int) -> str:
    return f"{datetime.fromtimestamp(t_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
