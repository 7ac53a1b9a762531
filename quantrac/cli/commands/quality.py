"""`quantrac quality …`: the service that judges what changes, and how good its tests are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from quantrac.cli.arguments import AsJson, Person, answer, group, number
from quantrac.cli.commands.quality_options import From, RestIsGood, Stations, To, range_of
from quantrac.cli.commands.quality_train import train
from quantrac.cli.environment import database, run_until_signalled
from quantrac.database.time_zone import time_zone

if TYPE_CHECKING:
    from ingest.quality.proposed_limits import ProposedLimit
    from ingest.quality.verdicts import JudgedChannel
    from quantrac.quality.climatology import FittedClimate
    from quantrac.quality.scores import TestScore
    from quantrac.quality.series import Climate

app = group()
app.command("train", short_help="Train a model of what people reject, with its card.")(train)


@app.command("run", short_help="Judge what changes, until stopped; with --from: what is stored.")
def run(
    person: Person,
    from_: From = None,
    to: To = None,
    station: Stations = None,
    tests: Annotated[str | None, typer.Option(help="Only these, parted by commas, such as spike,flat.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; stands in the audit.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge what changes in the database until stopped (Ctrl-C, SIGTERM); with --from judge what is stored, and end.

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_QUALITY_DATABASE_URL). Health and metrics are served where
    QUANTRAC_QUALITY_LISTEN says. A database that is away is waited for.

    With --from the tests run again over stored readings, with the limits that were applied last. Their own findings are
    replaced: what no longer holds is withdrawn, verdicts of people stay. The service may go on meanwhile.
    """
    if from_ is not None:
        return _run_again(StoredSpan(from_, to, station, tests), person, reason, dry_run=dry_run, as_json=as_json)
    if to is not None or station or tests is not None or dry_run or as_json or reason is not None:
        raise typer.BadParameter("expected it beside the others: without it the service runs", param_hint="--from")
    from ingest.quality import service

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop))
    return None


class StoredSpan(NamedTuple):
    """What the options of a run over stored readings say."""

    from_: str
    to: str | None
    stations: list[str] | None
    tests: str | None


def _run_again(asked: StoredSpan, person: str, reason: str | None, *, dry_run: bool, as_json: bool) -> None:
    from ingest.quality.rerun import Rerun, RerunPerson, rerun

    with database("console", "quality run") as conn:
        after, until = range_of(asked.from_, asked.to, time_zone(conn))
        tests = None if asked.tests is None else [name.strip() for name in asked.tests.split(",")]
        wanted = Rerun(after, until, asked.stations, tests)
        found = rerun(conn, wanted, lambda: datetime.now(UTC), None if dry_run else RerunPerson(person, reason))
    total = [sum(getattr(one, name) for one in found) for name in ("suspect", "fail", "withdrawn")]
    lines = [f"{'channel':<28}{'test':<16}{'suspect':>9}{'fail':>9}{'withdrawn':>11}"] if found else []
    lines += [f"{one.channel:<28}{one.test:<16}{one.suspect:>9}{one.fail:>9}{one.withdrawn:>11}" for one in found]
    say = "would change" if dry_run else "changed"
    lines.append(f"{say}: {total[0]} now suspect, {total[1]} now fail, {total[2]} withdrawn")
    answer([one._asdict() for one in found], lines, as_json=as_json)


@app.command("score", short_help="How good the tests are, against people's verdicts.")
def score(
    from_: From = None,
    to: To = None,
    parameter: Annotated[list[str] | None, typer.Option(help="Only this parameter; may be repeated.")] = None,
    station: Stations = None,
    rest_is_good: RestIsGood = False,
    as_json: AsJson = False,
) -> None:
    """Print precision, recall, F1 and the share of false flags by parameter and test, each alone and together.

    Held against the newest verdicts of people, suspect and fail alike, and against signed days, whose other readings
    count as good. Tests say what stands on record: judge stored readings first by `quantrac quality run --from --to`.
    """
    from ingest.quality.verdicts import ReviewedRange, configured_tests, counted
    from quantrac.quality.scores import scores

    with database("console", "quality score") as conn:
        after, until = range_of(from_, to, time_zone(conn))
        asked = ReviewedRange(after, until, station, parameter)
        found = scores(counted(conn, asked, rest_is_good=rest_is_good), configured_tests(conn, asked))
    answer(found, _table(found), as_json=as_json)


@app.command("fit", short_help="Propose limits of spike, flat and rate from good history.")
def fit(
    from_: From = None,
    to: To = None,
    parameter: Annotated[list[str] | None, typer.Option(help="Only this parameter; may be repeated.")] = None,
    station: Stations = None,
    most_false: Annotated[
        float, number("Share of the good readings that a test may blame; default 0.0005.", 1e-6, 0.1)
    ] = 0.0005,
    rest_is_good: RestIsGood = False,
    as_json: AsJson = False,
) -> None:
    """Propose limits for each channel, as YAML for its station's file, with the share of false flags to expect.

    Of ten months and more, in every month of the year, also what is usual by season, hour and tide (climatology).
    From readings that people call good, or that lie on signed days; of fewer than 2000 nothing is proposed. Beside each
    limit stands what the present one costs. Limits fit the time they were made from: leave some months for
    `quantrac quality score` after `quantrac stations apply` and `quantrac quality run --from`.
    """
    from ingest.quality.proposed_limits import proposed_limits, smallest_step
    from ingest.quality.verdicts import NothingReviewed, ReviewedRange, judged_channels, reviewed
    from quantrac.quality.accuracy import coarseness, resting_up_to
    from quantrac.quality.climatology import TEST, fitted

    with database("console", "quality fit") as conn:
        after, until = range_of(from_, to, time_zone(conn))
        asked = ReviewedRange(after, until, station, parameter)
        found = []
        for channel in judged_channels(conn, asked):
            said = reviewed(conn, channel, asked, rest_is_good=rest_is_good)
            resting = resting_up_to(channel.parameter, channel.resolution)
            limits = list(proposed_limits(*said, channel.interval_s, most_false, channel.limits, resting))
            climate = fitted(said.readings.time_us, said.readings.value, said.good, most_false)
            step = smallest_step(said.readings.value[said.good]) if channel.resolution is None else None
            step = step if coarseness(channel.parameter, step) > 1 else None
            if limits or climate or step:
                counts = int(said.good.sum()), int(said.bad.sum())
                found.append(FittedChannel(channel, *counts, limits, climate, step))
    if not found:
        raise NothingReviewed(
            "no channel has 2000 good readings there: sign days (quantrac stages), or say --rest-is-good where people "
            "have flagged all that is bad"
        )
    rows = [
        {"channel": channel.channel, "good": good, "bad": bad, **limit._asdict()}
        for channel, good, bad, limits, *_ in found
        for limit in limits
    ] + [
        {"channel": channel.channel, "good": good, "bad": bad, "test": TEST, **climate.climate._asdict(),
         "false_share": climate.false_share}
        for channel, good, bad, _, climate, _ in found
        if climate is not None
    ] + [
        {"channel": one.channel.channel, "good": one.good, "bad": one.bad, "resolution": one.step}
        for one in found
        if one.step is not None
    ]  # fmt: skip
    answer(rows, yaml_of(found, most_false), as_json=as_json)


class FittedChannel(NamedTuple):
    """What is proposed for a channel."""

    channel: JudgedChannel
    good: int
    bad: int
    """Readings that people call so."""
    limits: list[ProposedLimit]
    climate: FittedClimate | None
    step: float | None
    """The smallest step that it tells, where that is coarse and nobody said it."""


def yaml_of(found: list[FittedChannel], most_false: float) -> Iterator[str]:
    """Yield what is proposed as a station's file has it."""
    yield f"# At most {most_false:.3%} of the good readings blamed by each test"
    place: tuple[str, ...] = ()
    for channel, good, bad, limits, climate, step in found:
        if place[:1] != (channel.station,):
            yield from (f"# stations/{channel.station}.yaml", "devices:")
        if place != (channel.station, channel.device):
            yield from (f"  {channel.device}:", "    channels:")
        place = (channel.station, channel.device)
        usual = [] if climate is None else [_climate(climate.climate)]
        settings = ", ".join([*(f"{one.test}: {_limit(one.test, one.limit)}" for one in limits), *usual])
        name = channel.channel.partition("/")[2]
        told = "" if step is None else f"resolution: {step:g}, "
        yield f"      {name}: {{{told}quality: {{{settings}}}}}  # {good} good, {bad} bad readings"
        for one in limits:
            before = "off now" if one.present is None else (
                f"now {_limit(one.test, one.present)}: {one.present_false_share or 0:.3%}"
            )  # fmt: skip
            yield f"      #   {one.test}: {one.false_share:.3%} false, {one.found} bad found; {before}"
        if step is not None:
            yield "      #   resolution: no two values are nearer, so calm water rests longer"
        if climate is not None:
            yield f"      #   climatology: {climate.false_share:.3%} of the days of this history blamed"


def _climate(climate: Climate) -> str:
    return f"climatology: [{', '.join(f'{each:g}' for each in (*climate.figures, climate.limit))}]"


def _limit(test: str, limit: float) -> str:
    return f"{limit:.0f}s" if test == "flat" else f"{limit:g}"


def _table(found: list[TestScore]) -> Iterator[str]:
    yield (f"{'parameter':<14}{'test':<16}{'readings':>10}{'bad':>9}{'flagged':>9}{'hits':>9}"
           f"{'precision':>11}{'recall':>9}{'F1':>7}{'false':>9}")  # fmt: skip
    for one in found:
        yield (f"{one.parameter:<14}{one.test:<16}{one.readings:>10}{one.bad:>9}{one.flagged:>9}{one.hits:>9}"
               f"{_figure(one.precision):>11}{_figure(one.recall):>9}{_figure(one.f1):>7}"
               f"{_percent(one.false_share):>9}")  # fmt: skip


def _figure(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
