"""What the console says, in Vietnamese and English."""

from __future__ import annotations

from typing import Final, Literal

Language = Literal["vi", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("vi", "en")

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "network": ("Mạng quan trắc", "Monitoring network"),
    "overview": ("Tổng quan", "Overview"),
    "alarms": ("Cảnh báo", "Alarms"),
    "centre": ("Trung tâm điều hành", "Control centre"),
    "stations": ("Các trạm", "Stations"),
    "live": ("TRỰC TIẾP", "LIVE"),
    "old_data": ("DỮ LIỆU CŨ", "OLD DATA"),
    "no_connection": ("MẤT KẾT NỐI", "NO CONNECTION"),
    "connecting": ("Đang kết nối…", "Connecting…"),
    "because_ingest": ("Dịch vụ nhận dữ liệu không hoạt động", "The ingest service is not working"),
    "because_readings": ("Không có số liệu mới", "No new readings arrive"),
    "because_empty": ("Chưa có số liệu nào", "There are no readings yet"),
    "because_connection": ("Trang này không nhận được tin từ máy chủ", "This page hears nothing from the server"),
    "newest": ("số liệu mới nhất cách đây", "newest reading"),
    "ago": ("trước", "ago"),
    "no_alarms": ("Không có cảnh báo", "No alarms"),
    "acknowledge": ("Xác nhận", "Acknowledge"),
    "acknowledged": ("Đã xác nhận", "Acknowledged"),
    "acknowledge_title": ("Xác nhận cảnh báo", "Acknowledge the alarm"),
    "your_name": ("Người trực", "Your name"),
    "reason": ("Ghi chú", "Note"),
    "cancel": ("Hủy", "Cancel"),
    "failed": ("Không thực hiện được", "That did not work"),
    "raised": ("Bắt đầu", "Raised"),
    "cleared": ("Hết", "Cleared"),
    "limit": ("ngưỡng", "limit"),
    "channel": ("Kênh", "Channel"),
    "value": ("Giá trị", "Value"),
    "quality": ("Chất lượng", "Quality"),
    "state": ("Thiết bị", "Device"),
    "age": ("Tuổi", "Age"),
    "charts": ("Biểu đồ", "Charts"),
    "last_15_minutes": ("15 phút", "15 minutes"),
    "last_3_hours": ("3 giờ", "3 hours"),
    "last_24_hours": ("24 giờ", "24 hours"),
    "good_values": ("tốt", "good"),
    "doubtful_values": ("nghi ngờ", "doubtful"),
    "map": ("Bản đồ", "Map"),
    "map_note": (
        "Bờ biển, sông: sơ đồ; vị trí trạm: giả định",
        "Coast and rivers: sketch; places of stations: assumed",
    ),
    "sea": ("BIỂN ĐÔNG", "EAST SEA"),
    "online": ("Đang kết nối", "Online"),
    "back": ("Tổng quan", "Overview"),
    "no_data": ("chưa có", "none yet"),
    "quality_1": ("Tốt", "Good"),
    "quality_2": ("Chưa đánh giá", "Not evaluated"),
    "quality_3": ("Nghi ngờ", "Suspect"),
    "quality_4": ("Không đạt", "Fail"),
    "quality_9": ("Thiếu", "Missing"),
    "state_ok": ("Đang đo", "Measuring"),
    "state_suspect": ("Nghi ngờ", "Suspect"),
    "state_range": ("Ngoài khoảng đo", "Out of range"),
    "state_warmup": ("Khởi động", "Warming up"),
    "state_maint": ("Bảo trì", "Maintenance"),
    "state_cal": ("Hiệu chuẩn", "Calibration"),
    "state_fault": ("Lỗi thiết bị", "Device fault"),
    "state_comm": ("Mất liên lạc", "No answer"),
    "condition_good": ("Hoạt động tốt", "Good"),
    "condition_suspect": ("Có số liệu nghi ngờ", "Suspect readings"),
    "condition_fault": ("Lỗi thiết bị", "Device fault"),
    "condition_low": ("Theo dõi", "Watch"),
    "condition_medium": ("Cảnh báo", "Warning"),
    "condition_high": ("Cảnh báo cao", "High alarm"),
    "condition_critical": ("Nguy cấp", "Critical"),
    "condition_offline": ("Mất kết nối", "Offline"),
    "severity_low": ("Thấp", "Low"),
    "severity_medium": ("Trung bình", "Medium"),
    "severity_high": ("Cao", "High"),
    "severity_critical": ("Nguy cấp", "Critical"),
    "housekeeping": ("Vận hành trạm", "Housekeeping"),
    "unknown_station": ("Không có trạm này", "There is no such station"),
    "linked_title": ("Cảnh báo", "Alarm"),
    "linked_since": ("Từ", "Since"),
    "linked_until": ("đến", "until"),
    "linked_by": ("Đã có người nhận xử lý:", "Looked after by"),
    "linked_as": ("Xác nhận với tên", "In the name of"),
    "linked_acknowledge": ("Tôi đã biết, tôi sẽ xử lý", "I have seen it and look after it"),
    "linked_refused": ("Liên kết không còn dùng được", "This link cannot be used"),
    "linked_refused_why": (
        "Liên kết đã hết hạn (7 ngày) hoặc bị cắt mất một phần. Hãy mở thư mới nhất hoặc gọi trung tâm.",
        "It has run out (7 days) or was cut. Open the newest mail, or call the control centre.",
    ),
    "not_ready": ("Chưa đọc được cơ sở dữ liệu", "The database cannot be read yet"),
}
"""Key → (Vietnamese, English)."""


def texts(language: Language) -> dict[str, str]:
    """Return all texts in one language."""
    at = LANGUAGES.index(language)
    return {key: pair[at] for key, pair in TEXTS.items()}
