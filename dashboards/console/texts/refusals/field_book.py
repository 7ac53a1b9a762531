"""Vietnamese of refusals of visits and certificates."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "{station} has no device {device}; its devices: {known}": (
        "trạm {station} không có thiết bị {device}; các thiết bị của trạm: {known}"
    ),
    "there is no entry {number}": "không có mục {number}",
    "{by} has corrected this at {at}, after you looked: see what stands, then decide": (
        "{by} đã sửa mục này lúc {at}, sau khi bạn mở xem: hãy xem lại rồi quyết định"
    ),
    "entry {number} was withdrawn by {by}": "mục {number} đã được {by} rút lại",
    "a correction needs a reason": "cần ghi lý do sửa",
    "found more than {most} characters": "dài hơn {most} ký tự",
    "found a character that cannot be printed": "có ký tự không in được",
    "found {at}, which is still to come": "{at} là thời điểm chưa tới",
    "arrived {arrived}, left {left}: expected a visit of at most {days} days": (
        "đến lúc {arrived}, rời lúc {left}: một chuyến kéo dài nhiều nhất {days} ngày"
    ),
    "found more than {most} works in one visit": "một chuyến có hơn {most} công việc",
    "{device} has the same work twice: {kind} {channel}": "{device} có cùng một công việc hai lần: {kind} {channel}",
    "{device} has values without a channel": "{device} có giá trị mà không nêu kênh",
    "{device} {channel}: expected a number of at most nine digits": (
        "{device} {channel}: cần một số không quá chín chữ số"
    ),
    "issued on {issued}, ends on {ends}: expected an end within ten years": (
        "cấp ngày {issued}, hết hạn ngày {ends}: thời hạn phải sau ngày cấp và trong vòng mười năm"
    ),
    "a certificate has a number, and somebody who issued it": "giấy chứng nhận phải có số và nơi cấp",
}
