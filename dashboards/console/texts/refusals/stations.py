"""Vietnamese of refusals of a station, its commands and what it is sent."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "there is no station {station}; see `quantrac status`": "không có trạm {station}; xem `quantrac status`",
    "QUANTRAC_COMMAND_KEYS is not set for the console: end it at the station, or by command": (
        "chưa đặt QUANTRAC_COMMAND_KEYS cho bảng điều khiển: hãy kết thúc tại trạm, hoặc bằng lệnh"
    ),
    "{station} has not ended the maintenance; it says: {error}": (
        "trạm {station} chưa kết thúc bảo trì; trạm trả lời: {error}"
    ),
    "{broker}: no connection, or no right to read {station}'s replies (user console)": (
        "không kết nối được máy chủ MQTT {broker}, hoặc người dùng console không có quyền đọc trả lời của "
        "trạm {station}"
    ),
    "{station} has not answered within {wait_s} s; if it comes back within {expires_s} s of the "
    "order it still carries it out, and its events say so": (
        "sau {wait_s} giây trạm {station} vẫn chưa trả lời; nếu có mạng lại trong vòng {expires_s} giây kể từ lúc "
        "ra lệnh, trạm vẫn thực hiện và báo lại bằng sự kiện"
    ),
    "{station} has answered what is no JSON object that can be kept: {reply}": (
        "trạm {station} trả lời không đúng dạng (không phải đối tượng JSON lưu được): {reply}"
    ),
    "the broker did not acknowledge the command": "máy chủ MQTT không xác nhận đã nhận lệnh",
    "{station} is not connected, and the broker keeps no session of it": (
        "trạm {station} đang mất kết nối, và máy chủ MQTT không giữ phiên nào của trạm"
    ),
    "the broker did not take the command ({outcome}, reason {reason})": (
        "máy chủ MQTT không nhận lệnh ({outcome}, mã {reason})"
    ),
    "the database knows no active station {station}: quantrac stations apply": (
        "cơ sở dữ liệu không có trạm {station} đang hoạt động: hãy chạy quantrac stations apply"
    ),
    "{file}: the keys cannot be read ({error})": "{file}: không đọc được tệp khóa ({error})",
    "{file}: found no line for {station}, expected: {station} <key>; make one: quantrac commands key": (
        "{file}: chưa có khóa của trạm {station}, cần một dòng: {station} <khóa>; tạo khóa bằng quantrac commands key"
    ),
    "{place}: expected a station and at least {digits} hexadecimal digits": (
        "{place}: cần tên trạm và ít nhất {digits} chữ số thập lục phân"
    ),
    "there is no station {station}": "không có trạm {station}",
    "there is no picture of {camera} at that time": "không có ảnh của {camera} vào lúc đó",
    "{station} refused: {error}": "trạm {station} từ chối: {error}",
    "from when until when shall it send again?": "gửi lại số liệu từ lúc nào đến lúc nào?",
    "QUANTRAC_COMMAND_KEYS is not set for the console: push by command": (
        "chưa đặt QUANTRAC_COMMAND_KEYS cho bảng điều khiển: hãy gửi bằng lệnh"
    ),
    "{by} has sent {station} its configuration at {at}: wait for the outcome": (
        "{by} đã gửi cấu hình cho trạm {station} lúc {at}: hãy chờ kết quả"
    ),
    "{station}: the database has not this configuration; run `quantrac stations apply` first, "
    "or the centre would refuse what is new in it": (
        "{station}: trung tâm chưa có cấu hình này; hãy áp dụng cho trung tâm trước, "
        "nếu không số liệu mới sẽ bị từ chối"
    ),
    "{station}: channels {channels} have readings of another parameter or unit; "
    "give the new series a new channel name and leave the old one out": (
        "{station}: các kênh {channels} đã có số liệu của thông số hoặc đơn vị khác; "
        "hãy đặt tên kênh mới cho chuỗi số liệu mới và bỏ kênh cũ"
    ),
}
