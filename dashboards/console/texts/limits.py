"""Limits of decrees and how often they were exceeded."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "decree_limits": ("Giới hạn quy chuẩn", "Limits"),
    "decree_limits_title": (
        "Giới hạn của quy chuẩn và số lần vượt",
        "Limits of decrees, and how often they were exceeded",
    ),
    "decree_file": ("Quy chuẩn", "Decree"),
    "decree_allowed": ("Cho phép", "Allowed"),
    "decree_case": ("Trường hợp", "Case"),
    "decree_average": ("Trung bình", "Mean of"),
    "decree_value": ("giá trị đo", "single values"),
    "decree_1h": ("1 giờ", "1 h"),
    "decree_8h": ("8 giờ", "8 h"),
    "decree_24h": ("24 giờ", "24 h"),
    "decree_year": ("năm", "a year"),
    "decree_holds": ("Hiệu lực", "In force"),
    "decree_article": ("Điều, bảng", "Article"),
    "decree_unconfirmed": ("chưa đối chiếu văn bản", "unconfirmed"),
    "decree_exceeded": ("Số lần vượt", "Exceeded"),
    "decree_of_values": ("{exceeded} trên {values} giá trị", "{exceeded} of {values} values"),
    "decree_worst": ("Giá trị vượt xa nhất", "Farthest beyond"),
    "decree_help": (
        "Chỉ tính giờ hợp lệ. Giới hạn của giá trị đo được so với trung bình giờ; giới hạn trung bình được so với "
        "kênh trung bình tương ứng; giới hạn năm chỉ tính khi năm đã hết (quantrac report exceedances --year).",
        "Only valid hours count. Limits of single values are held against hourly means, limits of means against the "
        "channels with such means; those of a year only once it is over (quantrac report exceedances --year).",
    ),
    "decree_nothing": (
        "Trong tháng này trạm không có giá trị hợp lệ nào mà quy chuẩn này quy định.",
        "The station has no valid value of this month that this decree speaks of.",
    ),
    "decree_none": ("Các tệp chưa có giới hạn nào.", "The files have no limits yet."),
}
