"""Vietnamese of refusals of the files of the configuration."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "no file is missed: `alerts run` says so ten seconds after one is gone or empty": (
        "không thiếu tệp nào: `alerts run` báo sau mười giây khi có tệp bị mất hoặc rỗng"
    ),
    "the changed files are wrong: correct them (quantrac rules check shows where)": (
        "các tệp vừa sửa có lỗi: hãy sửa lại (quantrac rules check chỉ chỗ sai)"
    ),
    "{file} names people who get messages: that needs a role for contacts": (
        "{file} có người nhận tin: cần quyền với người nhận tin mới được xem"
    ),
    "the configuration has no file {file}": "cấu hình không có tệp {file}",
    "{file} is no regular file: look at it at a shell": "{file} không phải là tệp thường: hãy xem trên máy chủ",
    "{file} is larger than {most} bytes: part it at a shell": ("{file} lớn hơn {most} byte: hãy chia nhỏ trên máy chủ"),
    "{file} is a link or stands behind one: edit what it leads to at a shell": (
        "{file} là liên kết hoặc nằm sau liên kết: hãy sửa tệp gốc trên máy chủ"
    ),
    "{file} cannot be read or replaced from here ({why})": "không đọc hoặc ghi được {file} từ đây ({why})",
    "there is no change {number} of a file: quantrac stations history": (
        "không có thay đổi số {number}: xem quantrac stations history"
    ),
    "the text is larger than {most} bytes: part the file": "nội dung lớn hơn {most} byte: hãy chia nhỏ tệp",
    "the files have changed since you looked: see what applying would do now, then decide": (
        "các tệp đã thay đổi sau khi bạn xem: hãy xem lại việc áp dụng sẽ đổi gì rồi quyết định"
    ),
    "a change needs a reason": "cần ghi lý do thay đổi",
    "{file} says this already: nothing changes": "{file} đã đúng như vậy: không có gì thay đổi",
    "{file} names contacts in line {line}, be it in a comment, and a change of it would be kept for ever: "
    "move them to the database (quantrac contacts), and take them out of the file at a shell": (
        "{file} có người nhận tin ở dòng {line}, kể cả trong chú thích, mà mỗi lần sửa được lưu vĩnh viễn: hãy "
        "chuyển họ vào cơ sở dữ liệu (trang Người nhận tin, hoặc quantrac contacts) rồi bỏ khỏi tệp trên máy chủ"
    ),
    "{file} would be no UTF-8 text": "{file} sẽ không còn là văn bản UTF-8",
    "{file} is gone since you opened it: look, then decide": (
        "{file} đã bị xóa sau khi bạn mở: hãy xem lại rồi quyết định"
    ),
    "{file} was changed at a shell since you opened it: look at what it says now, then decide": (
        "{file} đã được sửa trên máy chủ sau khi bạn mở: hãy xem nội dung hiện nay rồi quyết định"
    ),
    "{file} was changed by {by} at {at}, after you opened it: look at what it says now, then decide": (
        "{file} đã được {by} sửa lúc {at}, sau khi bạn mở: hãy xem nội dung hiện nay rồi quyết định"
    ),
    "later changes of {file} touch the same lines as change {number}: open the file as it was, and decide": (
        "các thay đổi sau của {file} chạm đúng những dòng của thay đổi số {number}: hãy tự sửa trong ô soạn thảo"
    ),
    "found {found}, there are: {known}": "đang là {found}; hiện có: {known}",
    "{station} exists: give the new station another name": "trạm {station} đã có: hãy đặt mã khác cho trạm mới",
    "others check files at this moment: try again": "đang có người khác kiểm tra tệp: hãy thử lại",
    "QUANTRAC_CONFIG_EDITABLE is not set for the console: change the file by command": (
        "bảng điều khiển không được phép sửa tệp (QUANTRAC_CONFIG_EDITABLE): hãy dùng lệnh"
    ),
    "from, to: found {days} days, expected at most {most}": (
        "khoảng thời gian dài {days} ngày, tối đa {most} ngày: hãy chia thành nhiều lần"
    ),
    "the file of {station} names no receivers for the ministry's files": (
        "tệp cấu hình của {station} không có nơi nhận tệp gửi Bộ"
    ),
    "stations/{station}.yaml: ministry.receivers: found {found}, expected {expected}": (
        "stations/{station}.yaml: ministry.receivers: có {found}, cần {expected}"
    ),
}
