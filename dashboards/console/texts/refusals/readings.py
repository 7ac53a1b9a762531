"""Vietnamese of refusals of reading what was measured, and of the database that reads it."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "the console cannot reach the database": "bảng điều khiển không kết nối được cơ sở dữ liệu",
    "this took too long and was stopped: ask for less, or try again": (
        "yêu cầu này mất quá nhiều thời gian nên đã dừng lại: hãy chọn khoảng ngắn hơn, hoặc thử lại"
    ),
    "from and to: expected from before to, at most 5 years": "from phải trước to, cách nhau nhiều nhất 5 năm",
    "there is no channel {channel}": "không có kênh {channel}",
    "found no limits {name}; there are: {known}": "không có giới hạn {name}; đang có: {known}",
    "found {name}, expected a day, month or year: 2026-10-03, 2026-10, 2026": (
        "{name} không phải ngày, tháng hay năm; cần như 2026-10-03, 2026-10, 2026"
    ),
    "expected a first day not after the last one, at most 400 days": (
        "ngày đầu không được sau ngày cuối, cách nhau nhiều nhất 400 ngày"
    ),
    "of all stations at most {days} days; name one with station=": (
        "với mọi trạm nhiều nhất {days} ngày; hãy nêu một trạm bằng station="
    ),
    "others read long stretches of time at this moment: try again": (
        "đang có người khác đọc những khoảng thời gian dài: hãy thử lại"
    ),
    "{channel} is no channel that the station measures": "{channel} không phải là kênh đo của trạm",
    "{channel} has no reading yet": "{channel} chưa có số liệu nào",
    "{channel} has no reading within a month of {time}": (
        "{channel} không có số liệu nào trong vòng một tháng quanh {time}"
    ),
    "{channel} has no reading of {time}; the nearest one is of {nearest}": (
        "{channel} không có số liệu lúc {time}; số liệu gần nhất lúc {nearest}"
    ),
    "name: found {found!r}, expected up to {most} letters": "tên {found!r} không dùng được: cần 1 đến {most} ký tự",
    "found {count} channels, expected 1 to {most}": "có {count} kênh, cần 1 đến {most}",
    "found a channel twice": "có kênh lặp lại hai lần",
    "there is no channel {channels}": "không có kênh {channels}",
    "there is a view {name} already: take another name": "đã có trang so sánh tên {name}: hãy đặt tên khác",
    "there is no view {view}": "không có trang so sánh số {view}, hoặc đã bị bỏ",
    "found half a stretch of time, expected hours, or from when until when": (
        "khoảng thời gian chưa đủ: cần số giờ, hoặc từ lúc nào đến lúc nào"
    ),
    "found {hours} hours, expected up to five years": "{hours} giờ là không đúng: nhiều nhất năm năm",
    "found {from_t} to {to_t}, expected a stretch of up to five years": (
        "từ {from_t} đến {to_t} không đúng: cần một khoảng nhiều nhất năm năm"
    ),
}
