"""Vietnamese of refusals of exporting readings and values."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "unknown station {names}; known: {known}": "không có trạm {names}; các trạm: {known}",
    "unknown channel {names}; known: {known}": "không có kênh {names}; các kênh: {known}",
    "expected an end after the beginning, at most ten years later": (
        "thời điểm cuối phải sau thời điểm đầu, nhiều nhất mười năm"
    ),
    "as of an earlier moment there are readings alone: choose the resolution raw": (
        "tại một thời điểm trước chỉ có từng số liệu: hãy chọn từng số liệu"
    ),
    "a sheet of Excel holds {rows} rows; there are more: choose a shorter time, fewer channels, or CSV": (
        "một trang Excel chứa {rows} dòng mà ở đây có nhiều hơn: hãy chọn ít ngày hơn, ít kênh hơn, hoặc CSV"
    ),
    "a NetCDF file shows readings as they are now: leave out the earlier moment": (
        "tệp NetCDF chỉ có số liệu như hiện nay: hãy bỏ thời điểm trước"
    ),
    "a NetCDF file holds one station: choose one": "mỗi tệp NetCDF chứa một trạm: hãy chọn một trạm",
    "a NetCDF file names the place, and the file of station {station} has none": (
        "tệp NetCDF cần vị trí, mà tệp cấu hình của trạm {station} không có"
    ),
    "about {rows} rows are too many for a page: choose fewer days or channels, or use quantrac export readings": (
        "khoảng {rows} dòng là quá nhiều cho một trang: hãy chọn ít ngày hoặc ít kênh hơn, hoặc dùng lệnh "
        "quantrac export readings"
    ),
    "the year {year} is not over": "năm {year} chưa hết",
    "there are no daily values of {year}": "không có giá trị ngày nào của năm {year}",
    "{unsigned} of {days} days of channels in {year} are not signed as reviewed, the first one is {first}: sign them "
    "(quantrac stages), or ask for an archive that marks them": (
        "{unsigned} trên {days} ngày của các kênh năm {year} chưa được ký duyệt, ngày đầu là {first}: hãy ký "
        "(quantrac stages), hoặc yêu cầu gói có đánh dấu những ngày ấy"
    ),
    "a version needs a reason": "mỗi bản cần một lý do",
    "there is no version {version} of the year {year}": "không có bản {version} của năm {year}",
}
