"""`quantrac export …`: readings, hourly and daily values as a file, the ministry's five-minute files as a folder."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import AsJson, answer, group, moment
from quantrac.cli.environment import configured_network, database
from quantrac.cli.whole_file import whole_file
from quantrac.database.time_zone import time_zone
from reports.exports.formats import FileFormat, Resolution

app = group()


@app.command(short_help="Write readings, hourly or daily values to a file: CSV, Excel, Parquet, NetCDF.")
def readings(
    after: Annotated[str, typer.Option("--from", help="Date or time; without offset it is local.")],
    until: Annotated[str, typer.Option("--to", help="The same; readings with FROM < time <= TO are written.")],
    station: Annotated[list[str], typer.Option(metavar="ID", help="Only this station; may be repeated.")] = [],  # noqa: B006
    channel: Annotated[
        list[str], typer.Option(metavar="ID", help="Only this channel, such as st-my-thanh/do; may be repeated.")
    ] = [],  # noqa: B006
    resolution: Annotated[
        Resolution, typer.Option(help="Readings, or hourly or daily values, which bear the begin of the hour or day.")
    ] = Resolution.RAW,
    file_format: Annotated[
        FileFormat,
        typer.Option("--format", help="Excel holds at most 1,048,575 rows; a NetCDF file (CF-1.11) one station."),
    ] = FileFormat.CSV,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Readings as they were at this earlier moment; no derived channels."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; without it CSV goes to stdout.")] = None,
) -> None:
    """Write values with unit, both time zones, state, quality, tests, verdict, correction, and the stage of the day.

    A reading bears the end of its slot, so a day is --from 2026-11-24 --to 2026-11-25.
    """
    from reports.exports import export, selection

    if output is None and file_format is not FileFormat.CSV:
        raise typer.BadParameter(f"{file_format} needs a file: --output FILE", param_hint="--output")
    with database("console", "export") as conn:
        zone = time_zone(conn)
        span = _span(after, until, zone)
        then = None if as_of is None else moment(as_of, "--as-of", zone)
        chosen = selection.ExportRange(*span, tuple(station), tuple(channel), then, resolution)
        with nullcontext(sys.stdout.buffer) if output is None else whole_file(output) as out:
            count = export.export(conn, chosen, file_format, out)
    what = "readings" if resolution is Resolution.RAW else f"{resolution} values"
    print(f"{count} {what}{'' if output is None else f' in {output}'}", file=sys.stderr)


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
