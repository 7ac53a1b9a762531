"""`quantrac export readings`: writes readings to a CSV or Excel file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import typer

from quantrac.cli.arguments import group, moment
from quantrac.cli.environment import database
from quantrac.database.time_zone import time_zone

app = group()


class FileFormat(StrEnum):
    """The formats of an export."""

    CSV = "csv"
    XLSX = "xlsx"


@app.command(short_help="Write readings to a CSV or Excel file.")
def readings(
    after: Annotated[str, typer.Option("--from", help="Date or time; without offset it is local.")],
    until: Annotated[str, typer.Option("--to", help="The same; readings with FROM < time <= TO are written.")],
    station: Annotated[list[str], typer.Option(metavar="ID", help="Only this station; may be repeated.")] = [],  # noqa: B006
    channel: Annotated[
        list[str], typer.Option(metavar="ID", help="Only this channel, such as st-my-thanh/do; may be repeated.")
    ] = [],  # noqa: B006
    file_format: Annotated[
        FileFormat, typer.Option("--format", help="Text, or an Excel file of at most 1,048,575 readings.")
    ] = FileFormat.CSV,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; without it CSV goes to stdout.")] = None,
) -> None:
    """Write readings with unit, both time zones, state, quality and tests.

    A reading bears the end of its slot, so a day is --from 2026-11-24 --to 2026-11-25.
    """
    from quantrac.desks.export import ReadingRange, export_readings

    if output is None and file_format is FileFormat.XLSX:
        raise typer.BadParameter("xlsx needs a file: --output FILE.xlsx", param_hint="--output")
    with database("console", "export") as conn:
        zone = time_zone(conn)
        span = moment(after, "--from", zone), moment(until, "--to", zone)
        if span[0] >= span[1]:
            raise typer.BadParameter(f"found {until}, which is not after --from {after}", param_hint="--to")
        with _open(output) as out:
            count = export_readings(conn, ReadingRange(*span, tuple(station), tuple(channel)), file_format.value, out)
    print(f"{count} readings{'' if output is None else f' in {output}'}", file=sys.stderr)


@contextmanager
def _open(output: Path | None) -> Iterator[IO[bytes]]:
    """Open the file beside its place and move it there when it is whole."""
    if output is None:
        yield sys.stdout.buffer
        return
    part = output.with_name(output.name + ".part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
