"""Vietnamese of refusals of contacts and messages to them."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "there is no contact {contact}; see `quantrac contacts list`": (
        "không có người nhận tin {contact}; xem `quantrac contacts list`"
    ),
    "contact {contact} stands in network.yaml: change it there": (
        "người nhận tin {contact} khai báo trong network.yaml: hãy sửa ở đó"
    ),
    "the configuration cannot be read, so nobody knows whether network.yaml names this person": (
        "không đọc được tệp cấu hình nên không biết người này có khai báo trong network.yaml không: hãy sửa tệp trước"
    ),
    "since you looked {by} has changed this contact, at {at}; look, and send it again if you still want to": (
        "sau lúc bạn xem, {by} đã sửa người này, lúc {at}; hãy tải lại trang để xem, rồi làm lại nếu vẫn muốn"
    ),
    "another contact has this address; change or remove that one first": (
        "đã có người khác dùng số hoặc địa chỉ này; hãy sửa hoặc gỡ người đó trước"
    ),
    "found nothing to change": "không có gì thay đổi",
    "contact {contact} gets no messages: consent refused": "không gửi được: người nhận tin {contact} từ chối nhận tin",
    "contact {contact} gets no messages: consent not recorded": (
        "không gửi được: người nhận tin {contact} chưa có đồng ý được ghi nhận"
    ),
    "contact {contact} gets no messages: said STOP, and has no other address": (
        "không gửi được: người nhận tin {contact} đã nhắn STOP và không có địa chỉ nào khác"
    ),
    "{by} has sent {most} test messages within 24 hours, and no more go out": (
        "{by} đã gửi {most} tin nhắn thử trong 24 giờ qua: không gửi thêm được nữa"
    ),
    "a test message to contact {contact} still waits to be sent": (
        "một tin nhắn thử cho người nhận tin {contact} vẫn đang chờ gửi"
    ),
    "found nothing, expected a name": "còn thiếu tên",
    "found {found} characters, allowed {allowed}": "dài {found} ký tự, nhiều nhất {allowed}",
    "found none of them, expected at least one": "cần ít nhất một trong các mục này",
    "found {found!r}, expected a phone number such as 0912345678 or +84912345678": (
        "{found!r} không phải số điện thoại, ví dụ 0912345678 hoặc +84912345678"
    ),
    "found {found!r}, which is no number in use; expected e.g. 0912345678 or +84912345678": (
        "{found!r} không phải số đang dùng, ví dụ đúng: 0912345678 hoặc +84912345678"
    ),
    "found {found!r}, expected an address such as lan@example.org": (
        "{found!r} không phải địa chỉ thư, ví dụ lan@example.org"
    ),
    "found {found!r}, expected an address such as https://…": "{found!r} không phải địa chỉ web, ví dụ https://…",
    "found {found!r}, expected an address such as tgram://…": "{found!r} không phải địa chỉ, ví dụ tgram://…",
    "found {found!r}, allowed {allowed}": "{found!r} không dùng được; được dùng: {allowed}",
    "found nothing, expected at least one of {allowed}": "cần chọn ít nhất một: {allowed}",
    "found {found!r}, expected the day it was given such as 2026-11-24, or no": (
        "{found!r} không phải ngày đồng ý, ví dụ 2026-11-24, hoặc no"
    ),
    "found {found!r}, expected local hours such as 21:00-04:30": (
        "{found!r} không phải giờ, ví dụ 21:00-04:30; cần cả giờ bắt đầu và giờ kết thúc"
    ),
    "found {found!r}, expected how many short messages a day, such as 10": (
        "{found!r} không phải số tin một ngày, ví dụ 10"
    ),
}
