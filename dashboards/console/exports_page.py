"""The page of exports: a station's channels, days, resolution and format, as a file to download."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from tempfile import TemporaryFile
from typing import IO, Annotated, Final

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.templating import Jinja2Templates

from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.sheet import Day, channel_titles, sheet_of_station
from dashboards.console.texts import Language
from quantrac.database.time_zone import time_zone
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.local_time import Calendar
from reports.exports.export import export
from reports.exports.formats import FileFormat, Resolution
from reports.exports.selection import ExportRange, channels_of, expected_rows

MOST_ROWS: Final = {FileFormat.XLSX: 200_000}
"""A sheet of Excel takes a second for so many cells; it is written while somebody waits."""
MOST_OF_OTHERS: Final = 1_000_000
SUFFIXES: Final = {FileFormat.NETCDF: "nc"}
MEDIA_TYPES: Final = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileFormat.PARQUET: "application/vnd.apache.parquet",
    FileFormat.NETCDF: "application/x-netcdf",
}
PIECE: Final = 1 << 18
"""Bytes of a file that are sent at once."""


class TooMuchForAPage(TranslatableError):
    """A file that takes longer than a person waits for a page."""


def add_exports_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and its files to the application."""
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/exports", response_class=HTMLResponse)
    def show_exports(
        request: Request,
        station: Annotated[str, Query(max_length=100)] = "",
        lang: Language = "vi",
        by: Visitor = may_read,
    ) -> Response:
        """What can be chosen of a station; without one, of the first that somebody may read."""
        with console.pool.connection() as conn:
            context = sheet_of_station(conn, request, by, lang, station)
            today = console.clock().astimezone(context["zone"]).date()
            context |= {
                "titled": channel_titles(conn, context["station"], lang), "resolutions": list(Resolution),
                "formats": list(FileFormat), "first": today - timedelta(days=7), "last": today - timedelta(days=1),
            }  # fmt: skip
        return templates.TemplateResponse(request, "exports.html", context)

    @app.get("/stations/{station}/export")
    def export_file(
        request: Request,
        station: str,
        first: Day,
        last: Day,
        channel: Annotated[list[Annotated[str, Query(max_length=200)]], Query(max_length=500)] = [],  # noqa: B006
        resolution: Resolution = Resolution.HOURLY,
        file_format: Annotated[FileFormat, Query(alias="format")] = FileFormat.CSV,
        by: Visitor = may_read,  # noqa: ARG001
    ) -> Response:
        """The file, as `quantrac export readings` writes it; local days, both inclusive."""
        with console.long_read() as conn:
            calendar = Calendar(time_zone(conn))
            span = calendar.midnight(first), calendar.midnight(last + timedelta(days=1))
            chosen = ExportRange(*span, (station,), tuple(channel), resolution=resolution)
            channels_of(conn, chosen)
            rows = expected_rows(conn, chosen)
            if rows > MOST_ROWS.get(file_format, MOST_OF_OTHERS):
                raise TooMuchForAPage(
                    "about {rows} rows are too many for a page: choose fewer days or channels, or use "
                    "quantrac export readings",
                    rows=rows,
                )  # fmt: skip
            name = f"{station}-{resolution}-{first}-{last}.{SUFFIXES.get(file_format, file_format)}"
            headers, media_type = {"Content-Disposition": f'attachment; filename="{name}"'}, MEDIA_TYPES[file_format]
            if request.method == "HEAD":
                return StreamingResponse(iter(()), media_type=media_type, headers=headers)
            out = TemporaryFile()  # noqa: SIM115  # it has no name: nothing of it stays, however the answer ends
            try:
                export(conn, chosen, file_format, out)
            except BaseException:
                out.close()
                raise
        headers["Content-Length"] = str(out.seek(0, os.SEEK_END))
        return StreamingResponse(_pieces(out), media_type=media_type, headers=headers)


def _pieces(out: IO[bytes]) -> Iterator[bytes]:
    with out:
        out.seek(0)
        while piece := out.read(PIECE):
            yield piece
