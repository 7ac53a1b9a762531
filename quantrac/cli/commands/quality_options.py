"""What several commands of `quantrac quality` ask for: a range of time, stations, whose silence means good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import moment

From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="From here on (exclusive), local time.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to here (inclusive), local time.")]
Stations = Annotated[list[str] | None, typer.Option("--station", help="Only this station; may be repeated.")]
RestIsGood = Annotated[
    bool, typer.Option("--rest-is-good", help="Take readings without a verdict for good: where people flagged all.")
]
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def range_of(from_: str | None, to: str | None, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when a range begins (exclusive) and ends (inclusive). Raises BadParameter."""
    after = FIRST if from_ is None else moment(from_, "--from", zone)
    until = LAST if to is None else moment(to, "--to", zone)
    if after >= until:
        raise typer.BadParameter(f"found {to!r}, expected a time after --from", param_hint="--to")
    return after, until
