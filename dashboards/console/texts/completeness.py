"""Completeness by station and day, gaps and their causes."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "completeness": ("Tỷ lệ đầy đủ", "Completeness"),
    "completeness_title": ("Tỷ lệ đầy đủ theo trạm và ngày", "Completeness by station and day"),
    "completeness_help": (
        "Tỷ lệ số liệu hợp lệ trên số phải có của các kênh đo. Bấm vào một ô để xem từng khoảng thiếu và nguyên nhân.",
        "Share of the expected readings of measured channels that count. A square opens its gaps and their causes.",
    ),
    "completeness_month": ("Cả tháng", "Month"),
    "completeness_month_help": (
        "Hai tỷ lệ trên số phải có: số liệu đã nhận và số liệu hợp lệ. Ngày chưa hết thì chưa tính.",
        "Two shares of the expected readings: those that came and those that count. Days still going on are left out.",
    ),
    "completeness_begun": (
        "Theo cấu hình, trạm vận hành từ {since}; số liệu đầu tiên ở đây là của {begun}.",
        "By its file the station is in service since {since}; its first reading here is of {begun}.",
    ),
    "completeness_not_begun": (
        "Theo cấu hình, trạm vận hành từ {since}; ở đây chưa có số liệu nào.",
        "By its file the station is in service since {since}; there is no reading here yet.",
    ),
    "completeness_not_over": (
        "Không có ngày nào của tháng này để tính.",
        "No day of this month counts yet.",
    ),
    "completeness_in_service": (
        "Những ngày trước đó tính là thiếu. Trạm mới lắp thì sửa in_service; số liệu cũ thì nhập bằng quantrac import.",
        "The days before count as missing. Of a new station correct in_service; old data come by quantrac import.",
    ),
    "completeness_csv": ("Tải CSV, có số liệu thiếu theo nguyên nhân", "CSV, with what lacks by cause"),
    "completeness_received": ("Tỷ lệ nhận dữ liệu", "Received"),
    "completeness_valid": ("Tỷ lệ dữ liệu hợp lệ", "Valid"),
    "depth_whole": ("đủ", "whole"),
    "depth_most": ("từ 90 %", "90 % and more"),
    "depth_valid": ("từ 75 %", "75 % and more"),
    "depth_poor": ("dưới 75 %", "below 75 %"),
    "depth_none": ("không có", "none"),
    "depth_empty": ("chưa tính", "not due"),
    "gaps_title": ("Khoảng thiếu số liệu", "Gaps"),
    "gaps_none": ("Không thiếu số liệu nào.", "No reading is missing."),
    "gaps_when": ("Khoảng thời gian", "Time"),
    "gaps_count": ("Số liệu thiếu", "Readings"),
    "gaps_cause": ("Nguyên nhân", "Cause"),
    "gaps_evidence": ("Căn cứ", "Evidence"),
    "gaps_expected": ("Phải có", "Expected"),
    "gaps_received": ("Đã nhận", "Received"),
    "gaps_counted": ("Hợp lệ", "Counted"),
    "gaps_day_before": ("← ngày trước", "← day before"),
    "gaps_day_after": ("ngày sau →", "day after →"),
    "kind_absent": ("không có số liệu", "nothing came"),
    "kind_test": ("không đạt kiểm tra", "failed a test"),
    "cause_link": ("Đường truyền", "Link"),
    "cause_power": ("Mất điện, bộ thu tắt", "Power, agent off"),
    "cause_calibration": ("Hiệu chuẩn", "Calibration"),
    "cause_maintenance": ("Bảo trì", "Maintenance"),
    "cause_fault": ("Lỗi thiết bị", "Fault"),
    "cause_test": ("Không đạt kiểm tra", "Failed a test"),
    "cause_centre": ("Trung tâm không nhận", "Centre not listening"),
    "cause_unknown": ("Chưa rõ", "Unknown"),
}
