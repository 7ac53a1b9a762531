"""Vietnamese of refusals of reviewing readings and of signing days."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "{day} of {channel} was signed by {by}: reopen the day first, with a reason": (
        "ngày {day} của {channel} đã được {by} ký duyệt: hãy mở lại ngày đó trước, kèm lý do"
    ),
    "a day is reopened with a reason": "mở lại một ngày phải có lý do",
    "none of these days is signed": "không có ngày nào trong số này đã được ký",
    "there is no review {number}: quantrac review list": "không có lần duyệt {number}: xem quantrac review list",
    "from and to: expected from before to, at most {days} days": "from phải trước to, cách nhau nhiều nhất {days} ngày",
    "a review needs a reason": "cần ghi lý do",
    "found {days} days, allowed 400 at once": "khoảng xem dài {days} ngày, mỗi lần nhiều nhất 400 ngày",
    "found {place}: no such station or channel, or none of its parameters is judged by services": (
        "{place}: không có trạm hay kênh này, hoặc không thông số nào của nó được xét theo các lần bảo trì"
    ),
    "found {name}: it is not proposed, or no more; look again at what is": (
        "không (còn) đề xuất nào tên {name}: hãy xem lại danh sách đề xuất"
    ),
    "found channel {channel}, which is not known: see v_channel": "không có kênh {channel}: xem v_channel",
    "found channel {channel}, which is derived: review the readings that it is made of": (
        "kênh {channel} được tính từ kênh khác: hãy duyệt số liệu gốc của nó"
    ),
    "found channel {channel}, which belongs to no device": "kênh {channel} không thuộc thiết bị nào",
    "{channel} has no readings there: {after} < time <= {until}": (
        "kênh {channel} không có số liệu trong đoạn {after} < giờ <= {until}"
    ),
    "found more than {most} readings there: review them in shorter stretches": (
        "đoạn này có hơn {most} số liệu: hãy duyệt từng đoạn ngắn hơn"
    ),
    "nobody's verdict stands on these readings of {channel}": (
        "các số liệu này của kênh {channel} không có đánh giá nào của người duyệt"
    ),
    "found a number that is not finite, expected finite ones": "có số không hữu hạn, cần các số hữu hạn",
    "a correction needs a value, a factor, something to add, or a drift": (
        "cần một giá trị, hệ số, độ lệch hoặc độ trôi để hiệu chỉnh"
    ),
    "the corrected values would be too large to be kept": "giá trị sau hiệu chỉnh quá lớn, không lưu được",
    "{by} has reviewed some of these readings at {at}, after you looked: see what stands, then decide": (
        "{by} đã duyệt một phần các số liệu này lúc {at}, sau khi bạn mở xem: hãy xem lại rồi quyết định"
    ),
    "some of these readings are corrected already, by review {by}: withdraw that first": (
        "một phần số liệu này đã được hiệu chỉnh ở lần duyệt {by}: hãy rút lần đó trước"
    ),
    "review {number} is {state}: only a proposed one is approved": (
        "lần duyệt {number} đang ở trạng thái «{state}»: chỉ chấp thuận được lần còn là đề nghị"
    ),
    "review {number} was proposed by {person}: another person approves it": (
        "lần duyệt {number} do {person} đề nghị: phải do người khác chấp thuận"
    ),
    "review {number} was withdrawn already (by {by})": "lần duyệt {number} đã được rút (bởi {by})",
    "import {number} was undone by {by} while it ran": "lần nhập số liệu {number} đã bị {by} hủy trong khi đang chạy",
}
