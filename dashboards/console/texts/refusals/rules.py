"""Vietnamese of refusals of rules, their trials and changes."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "there is no rule {rule}": "không có quy tắc {rule}",
    "expected a changed limit or delay, and at most {days} days": (
        "cần ít nhất một ngưỡng hay thời gian đã sửa, và nhiều nhất {days} ngày, ngày đầu không sau ngày cuối"
    ),
    "stopped after {seconds} s at {share} %: try one station, or fewer days": (
        "đã dừng sau {seconds} giây, mới xong {share} %: hãy thử một trạm, hoặc ít ngày hơn"
    ),
    "{key}: found {value}, expected a number such as 2.5": "{key}: gặp {value}, cần một số như 2.5",
    "{key}: found {value}, expected a duration such as 10m": "{key}: gặp {value}, cần một khoảng thời gian như 10m",
    "{key}: found no limit or delay, expected such as do-low.below.act.limit or do-low.below.act.on_delay": (
        "{key}: không phải ngưỡng hay thời gian, cần như do-low.below.act.limit hoặc do-low.below.act.on_delay"
    ),
    "{key}: there is no rule {rule} in the files": "{key}: các tệp không có quy tắc {rule}",
    "{key}: there is no such level in the files": "{key}: các tệp không có mức này",
    "{file}: this cannot be changed here without changing more: edit the file": (
        "{file}: không sửa riêng chỗ này ở đây được vì sẽ đổi cả chỗ khác: hãy sửa tệp"
    ),
    "another trial runs or comes first: try again in two minutes, your place is kept": (
        "đang có một lần thử khác, hoặc người khác đã chờ trước: hãy thử lại sau hai phút, chỗ của bạn được giữ"
    ),
    "more than {most} alarms would rise: set longer delays or a clear limit further from the limit, or try one station "
    "or fewer days": (
        "sẽ có hơn {most} cảnh báo: hãy tăng thời gian chờ, đặt ngưỡng hết báo cách xa ngưỡng báo hơn, "
        "hoặc thử một trạm hay ít ngày hơn"
    ),
    "the last day {last} lies in the future: expected today or before": (
        "ngày cuối {last} ở tương lai: cần hôm nay hoặc trước đó"
    ),
    "found rule {rule}, which watches no channel; rules that do: {names}": (
        "quy tắc {rule} không theo dõi kênh nào; các quy tắc đang dùng: {names}"
    ),
    "rule {rule} watches nothing at {station}; it watches: {stations}": (
        "quy tắc {rule} không theo dõi gì ở {station}; nó theo dõi: {stations}"
    ),
    "rule {rule} has no level {level}; it has {names}": "quy tắc {rule} không có mức {level}; có các mức: {names}",
}
