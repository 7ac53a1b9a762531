"""`quantrac export …`: writes readings to a CSV or Excel file, and the ministry's five-minute files to a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import AsJson, answer, group, moment
from quantrac.cli.environment import configured_network, database
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
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="As they were at this earlier moment; no derived channels.")
    ] = None,
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
        span = _span(after, until, zone)
        then = None if as_of is None else moment(as_of, "--as-of", zone)
        selection = ReadingRange(*span, tuple(station), tuple(channel), then)
        with _open(output) as out:
            count = export_readings(conn, selection, file_format.value, out)
    print(f"{count} readings{'' if output is None else f' in {output}'}", file=sys.stderr)


@app.command(short_help="Write the ministry's five-minute files to a folder.")
def tt10(
    station: Annotated[list[str], typer.Option(metavar="ID", help="Station; may be repeated.")],
    after: Annotated[str, typer.Option("--from", help="Date or time; without offset it is local.")],
    until: Annotated[str, typer.Option("--to", help="The same; files of slots that end at FROM < time <= TO.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder; made if it is not there.")],
    as_json: AsJson = False,
) -> None:
    """Write the ministry's files (Circular 10/2021/TT-BTNMT), byte for byte as they are sent, into the same folders.

    A day is --from 2026-11-24 --to 2026-11-25. A slot without a figure has no file.
    """
    from reports.desk import export_files

    stations = configured_network().stations
    if unknown := [name for name in station if name not in stations]:
        raise typer.BadParameter(f"found {unknown[0]}, there are: {', '.join(stations)}", param_hint="--station")
    with database("console", "export") as conn:
        low, high = _span(after, until, time_zone(conn))
        high = min(high, datetime.now(UTC))
        count = sum(1 for name in station for _ in export_files(conn, stations[name], low, high, output))
    answer({"files": count, "output": str(output)}, [f"{count} files in {output}"], as_json=as_json)


def _span(after: str, until: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    span = moment(after, "--from", zone), moment(until, "--to", zone)
    if span[0] >= span[1]:
        raise typer.BadParameter(f"found {until}, which is not after --from {after}", param_hint="--to")
    return span


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
