"""Exports of readings, hourly and daily values."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "exports": ("Xuất số liệu", "Exports"),
    "exports_title": ("Xuất số liệu ra tệp", "Export data as a file"),
    "exports_channels": ("Kênh đo (không chọn: tất cả)", "Channels (none chosen: all)"),
    "exports_resolution": ("Số liệu", "Values"),
    "exports_raw": ("từng số liệu", "each reading"),
    "exports_hourly": ("theo giờ", "hourly"),
    "exports_daily": ("theo ngày", "daily"),
    "exports_format": ("Định dạng", "Format"),
    "exports_csv": ("CSV", "CSV"),
    "exports_xlsx": ("Excel", "Excel"),
    "exports_parquet": ("Parquet", "Parquet"),
    "exports_netcdf": ("NetCDF (CF-1.11)", "NetCDF (CF-1.11)"),
    "exports_download": ("Tải về", "Download"),
    "exports_help": (
        "Ngày theo giờ địa phương, tính cả hai đầu. Tệp có giá trị đo, giá trị đã hiệu chỉnh, trạng thái, cờ, người "
        "đánh giá, lý do và mức kiểm duyệt.",
        "Local days, both inclusive. A file has values, corrections, states, flags, who judged and why, and the stage "
        "of review.",
    ),
}
