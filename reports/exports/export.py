"""An export: a selection written in one of the formats."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from zoneinfo import ZoneInfo

from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import Calendar
from reports.exports.columns import columns_of
from reports.exports.csv_file import write_csv
from reports.exports.formats import FileFormat
from reports.exports.rows import row_blocks
from reports.exports.selection import ExportRange, channels_of


def export(conn: Connection, selection: ExportRange, file_format: FileFormat, out: IO[bytes]) -> int:
    """Write what was selected, by channel and time, and return the number of rows.

    Raises UnknownName and BadSelection before anything is written; TooLargeForExcel, NotOneStation.
    """
    channels_of(conn, selection)
    zone = time_zone(conn)
    if file_format is FileFormat.NETCDF:
        return _write_netcdf(conn, selection, zone, out)
    columns = columns_of(selection.resolution, zone)
    with closing(row_blocks(conn, selection)) as blocks:  # ends the transaction also when the pipe is gone
        if file_format is FileFormat.PARQUET:
            from reports.exports.parquet import write_parquet

            return write_parquet(columns, zone, blocks, out)
        if file_format is FileFormat.XLSX:
            from reports.exports.workbook import write_workbook

            return write_workbook(selection.resolution, columns, blocks, out)
        return write_csv(columns, blocks, out)


def _write_netcdf(conn: Connection, selection: ExportRange, zone: ZoneInfo, out: IO[bytes]) -> int:
    """Write the file beside, for its library writes here and there in it, and then to `out`."""
    from reports.exports.netcdf import write_netcdf

    with TemporaryDirectory() as folder:
        path = Path(folder, "export.nc")
        count = write_netcdf(conn, selection, Calendar(zone), path)
        with path.open("rb") as made:
            shutil.copyfileobj(made, out)
    return count
