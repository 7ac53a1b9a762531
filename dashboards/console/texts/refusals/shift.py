"""Vietnamese of refusals of the shift book."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "shift {number} was handed over by {by} at {at}: look at the one that is open now": (
        "ca trực số {number} đã được {by} bàn giao lúc {at}: hãy xem ca đang mở"
    ),
    "no shift {number} was handed over: quantrac shift list": "chưa có ca trực số {number} nào được bàn giao",
    "shift {number} was taken over by {by} at {at}": "ca trực số {number} đã được {by} nhận lúc {at}",
    "a later shift was handed over since: nobody took over shift {number}": (
        "đã có ca sau được bàn giao: không ai nhận ca trực số {number}"
    ),
    "{by} handed shift {number} over: another person takes over": (
        "{by} đã bàn giao ca trực số {number}: người khác mới nhận ca được"
    ),
    "a note needs words": "ghi chú chưa có nội dung",
    "only what is on the page is done: name the item": "chỉ đánh dấu «đã xong» cho một mục của trang: hãy chọn mục",
    "the open shift has no item {item}: quantrac shift show": ("ca đang mở không có mục {item}: hãy tải lại trang"),
}
