"""Vietnamese of refusals of samples, their results, and files of laboratories."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "a sample has a code: what stands on the bottle": "mẫu phải có ký hiệu, như ghi trên chai",
    "{station} has a sample {code} already": "trạm {station} đã có mẫu {code}",
    "somebody's name is missing": "thiếu tên người thực hiện",
    "found {at}, which is before the step before it ({other})": "{at} là trước bước liền trước ({other})",
    "found {at}, which is after the step after it ({other})": "{at} là sau bước liền sau ({other})",
    "sample {number} has no result of {parameter}": "mẫu {number} không có kết quả {parameter}",
    "{channel} does not measure {parameter}": "kênh {channel} không đo {parameter}",
    "{parameter} is not what a laboratory finds": "{parameter} không phải là thông số phòng thí nghiệm phân tích",
    "found {value}, expected a number or a limit of detection such as <0.02": (
        "«{value}» không phải là một số, hoặc giới hạn phát hiện như <0,02"
    ),
    "found {value}, which reads in two ways: write {whole} or {longer}": (
        "«{value}» đọc được hai cách: hãy viết {whole} hoặc {longer}"
    ),
    "found the unit {unit}, expected one of {parameter} such as {label}": (
        "đơn vị «{unit}» không phải của {parameter}; ví dụ {label}"
    ),
    "found {value}, expected {low} to {high} {unit}": "{value} nằm ngoài khoảng {low} đến {high} {unit}",
    "found a file of {bytes} bytes, expected at most {most}": "tệp có {bytes} byte, nhiều nhất {most}",
    "the file is not UTF-8: save it as CSV UTF-8": "tệp không phải UTF-8: hãy lưu dạng CSV UTF-8",
    "{code} was taken at {at}": "mẫu {code} đã ghi là lấy lúc {at}",
    "{code} is not on record: expected when it was taken, such as 24/11/2026 07:05": (
        "chưa có mẫu {code}: cần ghi cả giờ lấy mẫu, ví dụ 24/11/2026 07:05"
    ),
    "{code}: found {found}, on record is {known}: correct it with a reason": (
        "mẫu {code}: tệp ghi {found}, sổ đã ghi {known}: muốn đổi hãy sửa trong sổ, kèm lý do"
    ),
    "{code}: found {by} at {at}, on record is {known_by} at {known_at}: correct it with a reason": (
        "mẫu {code}: tệp ghi {by} lúc {at}, sổ đã ghi {known_by} lúc {known_at}: muốn đổi hãy sửa trong sổ, kèm lý do"
    ),
    "{by} has withdrawn the sample {code}: enter it by hand if it stands": (
        "{by} đã rút mẫu {code}: nếu mẫu vẫn đúng, hãy nhập bằng tay"
    ),
    "{by} has withdrawn {parameter} of {code}: enter it by hand if it stands": (
        "{by} đã rút kết quả {parameter} của mẫu {code}: nếu kết quả vẫn đúng, hãy nhập bằng tay"
    ),
    "{code} has {reported} already: correct it with a reason": (
        "mẫu {code} đã có kết quả {reported}: muốn đổi hãy sửa kết quả, kèm lý do"
    ),
    "found more than {most} lines": "tệp có hơn {most} dòng",
    "found {error}, expected a line of short fields": "không đọc được dòng này ({error}): cần một dòng gồm các ô ngắn",
    "the first line names no column {columns}": "dòng đầu không có cột {columns}",
    "a station is missing": "thiếu tên trạm",
    "found {found}, expected a station of the network": "{found} không phải là trạm của mạng",
    "found {found}, expected {station} only": "{found}: ở đây chỉ nhận mẫu của trạm {station}",
    "found {found}, expected a parameter such as NH4, DO or Độ mặn": (
        "{found} không phải là thông số, ví dụ NH4, DO, Độ mặn"
    ),
    "found {found}, expected a number or a limit of detection such as <0.02": (
        "{found} không phải là một số, hoặc giới hạn phát hiện như <0,02"
    ),
    "found {found}, expected a unit of {parameter} such as {label}": (
        "{found} không phải là đơn vị của {parameter}, ví dụ {label}"
    ),
    "found nothing, expected something to read": "ô còn trống",
    "found {found}, expected a time such as 24/11/2026 07:05": (
        "{found} không phải là thời gian, ví dụ 24/11/2026 07:05"
    ),
}
