"""Vietnamese of refusals of acts on alarms, and of taking something out of service."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "alarm {alarm} was acknowledged by {by} at {at}": "cảnh báo {alarm} đã được {by} xác nhận lúc {at}",
    "alarm {alarm} is {state}; only one that is latched and back to normal is reset": (
        "cảnh báo {alarm} đang ở trạng thái «{state}»; chỉ đặt lại được cảnh báo đã chốt và đã trở lại bình thường"
    ),
    "an alarm is shelved for at most 7 days: found {until} as the end": (
        "chỉ tạm gác cảnh báo nhiều nhất 7 ngày, không đến {until}"
    ),
    "alarm {alarm} is not shelved": "cảnh báo {alarm} không đang tạm gác",
    "out of service ends within 90 days and after it began: found {until}": (
        "ngừng vận hành nhiều nhất 90 ngày và kết thúc sau khi bắt đầu, không đến {until}"
    ),
    "{place} is not out of service": "{place} không đang ngừng vận hành",
    "{station} has no device {device} with channels; its devices: {known}": (
        "trạm {station} không có thiết bị {device}; các thiết bị của trạm: {known}"
    ),
    "{device} has no channel {channel}; its channels: {known}": ("{device} không có kênh {channel}; các kênh: {known}"),
    "there is no alarm {alarm}; see `quantrac alarms list --all`": (
        "không có cảnh báo {alarm}; xem `quantrac alarms list --all`"
    ),
    "since you looked {by} has acted: {event} at {at}; look, and send it again if you still want to": (
        "sau lúc bạn xem, {by} đã xử lý: {event} lúc {at}; hãy xem lại rồi gửi lần nữa nếu vẫn muốn"
    ),
    "there is no picture of {camera} for alarm {alarm}": "cảnh báo {alarm} không có ảnh của máy ảnh {camera}",
    "alarm {alarm} is of no station, or false: it cannot be made public": (
        "cảnh báo {alarm} không thuộc trạm nào, hoặc đã bị đánh dấu báo sai: không công khai được"
    ),
    "alarm {alarm} is public already": "cảnh báo {alarm} đã công khai rồi",
    "alarm {alarm} is not public": "cảnh báo {alarm} không công khai",
}
