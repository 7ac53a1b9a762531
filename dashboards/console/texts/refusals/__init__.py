"""Vietnamese of refusals: of the desks' sentences by what they are about, and what is wrong with a field of a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dashboards.console.texts.refusals import (
    alarms,
    bulletins,
    exports,
    field_book,
    files,
    jobs,
    laboratory,
    people,
    readings,
    reviews,
    rules,
    shift,
    sign_in,
    stations,
)

VIETNAMESE: Final[Mapping[str, str]] = {
    **alarms.VIETNAMESE,
    **bulletins.VIETNAMESE,
    **exports.VIETNAMESE,
    **field_book.VIETNAMESE,
    **files.VIETNAMESE,
    **jobs.VIETNAMESE,
    **laboratory.VIETNAMESE,
    **people.VIETNAMESE,
    **readings.VIETNAMESE,
    **reviews.VIETNAMESE,
    **rules.VIETNAMESE,
    **shift.VIETNAMESE,
    **sign_in.VIETNAMESE,
    **stations.VIETNAMESE,
}
"""English sentence of a refusal → Vietnamese; a sentence stands in one module only."""
WORDS: Final[Mapping[str, str]] = {
    "title": "tiêu đề",
    "unacknowledged": "chưa xác nhận",
    "acknowledged": "đã xác nhận",
    "shelved": "tạm gác",
    "out of service": "ngừng vận hành",
    "suppressed by design": "do cảnh báo khác",
    "latched": "đã chốt",
    "returned": "đã hết",
    "cleared": "đã hết",
    "in force": "có hiệu lực",
    "proposed": "đề nghị",
    "withdrawn": "đã rút",
    "unshelved": "thôi tạm gác",
    "reset": "đặt lại",
    "marked false": "đánh dấu báo sai",
    "not false": "bỏ dấu báo sai",
    "comment": "ghi chú",
    "in service": "vận hành lại",
    "confirmed": "xác nhận tệp",
    "quota exceeded": "hết chỗ",
    "refused": "bị từ chối",
    "connection lost": "mất kết nối",
    "viewer": "người xem",
    "operator": "trực ban",
    "technician": "kỹ thuật viên",
    "data_officer": "cán bộ số liệu",
    "administrator": "quản trị",
}
"""State or event of an alarm, or the broker's answer → Vietnamese."""
FIELDS: Final[Mapping[str, str]] = {"reason": "why", "hours": "hours"}
"""Field of a form → its word in TEXTS."""
WRONG: Final[Mapping[str, str]] = {
    "string_too_long": "nhiều nhất {max_length} ký tự",
    "missing": "còn thiếu",
    "greater_than": "phải lớn hơn {gt}",
    "less_than_equal": "nhiều nhất {le}",
    "greater_than_equal": "ít nhất {ge}",
    "float_parsing": "phải là một số",
    "found a character that cannot be printed": "có ký tự không in được",
    "found nothing to read, expected words": "chưa có chữ nào",
}
"""Type of a validation error, or our own words for it → Vietnamese."""
