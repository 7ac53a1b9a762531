"""The page behind the link in a mail."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "linked_title": ("Cảnh báo", "Alarm"),
    "linked_since": ("Từ", "Since"),
    "linked_until": ("đến", "until"),
    "linked_value": ("Giá trị", "Value"),
    "linked_by": ("Đã có người nhận xử lý:", "Looked after by"),
    "linked_as": ("Xác nhận với tên", "In the name of"),
    "linked_acknowledge": ("Tôi đã biết, tôi sẽ xử lý", "I have seen it and look after it"),
    "linked_refused": ("Liên kết không còn dùng được", "This link cannot be used"),
    "linked_refused_why": (
        "Liên kết đã hết hạn (7 ngày) hoặc bị cắt mất một phần. Hãy mở thư mới nhất hoặc gọi trung tâm.",
        "It has run out (7 days) or was cut. Open the newest mail, or call the control centre.",
    ),
}
