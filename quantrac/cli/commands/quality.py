"""`quantrac quality …`: the service that judges what changes, and how good its tests are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from quantrac.cli.arguments import AsJson, answer, group, moment
from quantrac.cli.environment import database, run_until_signalled
from quantrac.database.time_zone import time_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from quantrac.quality.scores import TestScore

app = group()

From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="From here on (exclusive), local time.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to here (inclusive), local time.")]
Stations = Annotated[list[str] | None, typer.Option("--station", help="Only this station; may be repeated.")]
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@app.command("run", short_help="Judge what changes in the database, until stopped.")
def run() -> None:
    """Judge what changes in the database until stopped (Ctrl-C, SIGTERM).

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_QUALITY_DATABASE_URL). Health and metrics are served where
    QUANTRAC_QUALITY_LISTEN says. A database that is away is waited for.
    """
    from ingest.quality import service

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop))


@app.command("score", short_help="How good the tests are, against people's verdicts.")
def score(
    from_: From = None,
    to: To = None,
    parameter: Annotated[list[str] | None, typer.Option(help="Only this parameter; may be repeated.")] = None,
    station: Stations = None,
    rest_is_good: Annotated[
        bool, typer.Option("--rest-is-good", help="Take readings without a verdict for good: where people flagged all.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print precision, recall, F1 and the share of false flags by parameter and test, each alone and together.

    Held against the newest verdicts of people, suspect and fail alike, and against signed days, whose other readings
    count as good. Tests say what stands on record: judge stored readings first by `quantrac quality run --from --to`.
    """
    from ingest.quality.verdicts import ReviewedRange, configured_tests, counted
    from quantrac.quality.scores import scores

    with database("console", "quality score") as conn:
        after, until = _range(from_, to, time_zone(conn))
        asked = ReviewedRange(after, until, station, parameter)
        found = scores(counted(conn, asked, rest_is_good=rest_is_good), configured_tests(conn, asked))
    answer(found, _table(found), as_json=as_json)


def _range(from_: str | None, to: str | None, zone: ZoneInfo) -> tuple[datetime, datetime]:
    after = FIRST if from_ is None else moment(from_, "--from", zone)
    until = LAST if to is None else moment(to, "--to", zone)
    if after >= until:
        raise typer.BadParameter(f"found {to!r}, expected a time after --from", param_hint="--to")
    return after, until


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
