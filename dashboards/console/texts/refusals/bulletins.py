"""Vietnamese of refusals of bulletins and reports."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "there is no bulletin {number}": ("không có bản tin {number}"),
    "the period {period} is not over": ("kỳ {period} chưa kết thúc"),
    "found {part} in {language}, expected one of {known} in vi or en": (
        "có {part} trong {language}, cần một trong {known} bằng vi hoặc en"
    ),
    "the text has {length} characters, at most {most}": ("nội dung có {length} ký tự, nhiều nhất {most}"),
    "the text has a NUL, which is no character to read": ("nội dung có ký tự NUL, không đọc được"),
    "somebody has changed the bulletin {number} meanwhile: read it again": (
        "có người vừa sửa bản tin {number}: hãy đọc lại"
    ),
    "the bulletin {number} has no {part} in {language}": ("bản tin {number} không có {part} bằng {language}"),
    "the bulletin {number} is a draft: approve it first": ("bản tin {number} còn là bản nháp: hãy duyệt trước"),
    "the documents of the bulletin {number} are not those that were approved": (
        "tài liệu của bản tin {number} không còn đúng như khi duyệt"
    ),
    "nobody is named to whom it goes; groups: {known}": ("chưa chọn gửi cho nhóm nào; các nhóm: {known}"),
    "no way is named by which it goes, expected sms or email": ("chưa chọn cách gửi, cần sms hoặc email"),
    "there is no group {group}; groups: {known}": ("không có nhóm {group}; các nhóm: {known}"),
    "found {media}, expected sms or email": ("có {media}, cần sms hoặc email"),
    "the bulletin {number} is approved and never changes: make it again": (
        "bản tin {number} đã duyệt nên không đổi được: hãy lập lại thành lần mới"
    ),
    "the {part} has no words, and people would be sent it": (
        "phần {part} không có chữ nào mà sẽ được gửi đi: hãy viết nội dung"
    ),
    "the short message has {segments} segments, at most {most}": ("tin nhắn dài {segments} phần, nhiều nhất {most}"),
    "the console could not read network.yaml yet": ("bảng điều khiển chưa đọc được network.yaml"),
    "found the {found} {name}, expected a {expected}": ("có {found} {name}, cần {expected}"),
    "found {name}, expected a week such as 2026-W48": ("có {name}, cần một tuần, ví dụ 2026-W48"),
}
