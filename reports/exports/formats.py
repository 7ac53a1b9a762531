"""Resolutions and formats of exports. Pure."""

from __future__ import annotations

from enum import StrEnum


class Resolution(StrEnum):
    """What a row of an export is."""

    RAW = "raw"
    """A reading."""
    HOURLY = "hourly"
    DAILY = "daily"
    """A local day."""


class FileFormat(StrEnum):
    """The formats of an export."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"
    NETCDF = "netcdf"
