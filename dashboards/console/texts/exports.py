"""Exports of readings, hourly and daily values; the yearly disclosure."""

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
    "disclosures": ("Công khai hằng năm", "Yearly disclosure"),
    "disclosures_title": ("Số liệu công khai hằng năm", "Data disclosed by year"),
    "disclosures_help": (
        "Mỗi bản là một tệp ZIP không bao giờ thay đổi. Tạo bản mới bằng lệnh quantrac report year.",
        "A version is a ZIP archive that never changes. quantrac report year makes the next one.",
    ),
    "disclosures_none": ("Chưa có năm nào được công khai.", "No year has been disclosed yet."),
    "disclosures_year": ("Năm", "Year"),
    "disclosures_version": ("Bản", "Version"),
    "disclosures_made": ("Lập lúc", "Made"),
    "disclosures_by": ("Người lập, lý do", "By, why"),
    "disclosures_signed": ("Ký duyệt", "Signed"),
    "disclosures_all_signed": ("mọi ngày đã ký", "every day is signed"),
    "disclosures_unsigned": ("ngày của kênh chưa ký", "day of a channel is not signed|days of channels are not signed"),
    "disclosures_sum": ("SHA-256", "SHA-256"),
    "exports_help": (
        "Ngày theo giờ địa phương, tính cả hai đầu. Tệp có giá trị đo, giá trị đã hiệu chỉnh, trạng thái, cờ, người "
        "đánh giá, lý do và mức kiểm duyệt.",
        "Local days, both inclusive. A file has values, corrections, states, flags, who judged and why, and the stage "
        "of review.",
    ),
}
