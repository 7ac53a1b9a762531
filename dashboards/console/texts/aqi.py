"""The calendar of VN_AQI."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "aqi": ("Lịch VN_AQI", "VN_AQI calendar"),
    "aqi_title": ("Lịch chất lượng không khí (VN_AQI)", "Calendar of air quality (VN_AQI)"),
    "aqi_help": (
        "Giá trị VN_AQI của từng ngày, theo màu và mức của Quyết định 1459/QĐ-TCMT. * Chưa kiểm duyệt.",
        "VN_AQI of each day, in the colours and classes of Decision 1459/QĐ-TCMT. * Unreviewed.",
    ),
    "aqi_month": ("Tháng", "Month"),
    "aqi_whole_year": ("Cả năm", "Whole year"),
    "aqi_none": ("Không trạm nào có VN_AQI ngày.", "No station has a VN_AQI of days."),
    "aqi_class": ("Mức", "Class"),
    "aqi_days": ("Số ngày", "Days"),
    "aqi_advice": ("Khuyến cáo", "Advice"),
    "aqi_lacking": ("Ngày thiếu số liệu", "Days without data"),
    "aqi_before": ("trước", "before"),
    "aqi_after": ("sau", "after"),
}
