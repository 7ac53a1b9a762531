"""What runs of jobs say of themselves: `job_run.detail` keeps the English, pages say it in either language. Pure.

The column is part of `v_job`, which Grafana and other programs show as it is: hence a text, and not a key with values.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from quantrac.telemetry.words import Words


class Said(Enum):
    """One thing a job says, with the same placeholders in both languages; `{count}` is a whole number."""

    STATIONS = Words("{count} trạm", "{count} stations")
    CHANNELS = Words("{count} kênh đổi tình trạng", "{count} channels changed")
    DEVICES = Words("{count} thiết bị đổi tình trạng", "{count} devices changed")
    BOOKS = Words("{count} sổ", "{count} books")
    BREACHES = Words("{count} vi phạm", "{count} breaches")
    CLOCKS = Words("{count} đồng hồ", "{count} clocks")
    CONSUMERS = Words("{count} bộ xử lý", "{count} consumers")
    LATE_FILES = Words("{count} tệp trễ đổi tình trạng", "{count} late files changed")
    CHANGES = Words("đã dọn {count} dòng thay đổi", "{count} changes removed")
    UNREGISTERED = Words("đã bỏ đăng ký {names}", "unregistered {names}")
    SURPLUS = Words("đã dọn {count} bản tin hỏng quá mức {most}", "{count} dead letters beyond {most} removed")
    HEALTH = Words("đã dọn {count} đoạn ghi tình trạng thu nhận", "{count} stretches of health")
    RUNS = Words("{count} lần chạy", "{count} runs")
    BEATS = Words("{count} nhịp của tiến trình", "{count} beats")
    STRANGERS = Words("{count} tin nhắn của người lạ", "{count} messages of strangers removed")
    READINGS = Words("số liệu: đã xóa {count} khối", "readings: {count} chunks dropped")
    HOURLY = Words("giá trị giờ: đã xóa {count} khối", "hourly: {count} chunks dropped")
    DAILY = Words("giá trị ngày: đã xóa {count} khối", "daily: {count} chunks dropped")
    READINGS_KEPT = Words("số liệu: giữ hết", "readings: all kept")
    HOURLY_KEPT = Words("giá trị giờ: giữ hết", "hourly: all kept")
    DAILY_KEPT = Words("giá trị ngày: giữ hết", "daily: all kept")
    CAMERAS = Words("đã xóa {count} ảnh", "{count} pictures removed")
    LETTERS = Words("{count} bản tin hỏng", "{count} dead letters removed")
    FILES = Words("{count} tệp gửi Bộ", "{count} files for the ministry removed")
    OFF = Words("đang tắt: xem quantrac db tune", "off: see quantrac db tune")
    COMPRESSED = Words("đã nén {count} tuần", "{count} weeks compressed")
    ORDERED = Words("đã sắp xếp {count} khối", "{count} chunks ordered")
    IN_USE = Words("{count} khối đang bận, để lại tối mai", "{count} in use and left for tomorrow")
    MADE_BEFORE = Words("{period} đã có", "{period} is there")
    DRAFT = Words("{period}: bản nháp số {number}", "{period}: draft {number}")
    BACKUP = Words("{file}: {size} MB", "{file}: {size} MB")
    OLD_BACKUPS = Words("đã xóa {count} bản cũ", "{count} old ones removed")
    EXPLAINED = Words("đã tìm nguyên nhân cho {count} ngày", "{count} days explained")
    LEFT = Words("còn {count} ngày", "{count} left")

    def __call__(self, **values: object) -> str:
        """Return the English, as it is kept."""
        return self.value.en.format(**values)


_PLACE: Final = re.compile(r"\\\{(\w+)\\\}")
_DECIMAL: Final = re.compile(r"(\d+)\.(\d+)")


def _read(english: str) -> re.Pattern[str]:
    """Return what finds the values in a text of that English."""
    kinds = {"count": r"\d+"}
    return re.compile(_PLACE.sub(lambda at: f"(?P<{at[1]}>{kinds.get(at[1], '.+')})", re.escape(english)))


_READ: Final = tuple((_read(one.value.en), one.value.vi) for one in Said)


def together(*parts: str) -> str:
    """Return what one run says, in one line."""
    return ", ".join(parts)


def outcome(detail: str, language: str) -> str:
    """Return what a run said, in `vi` or `en`; what no job says, such as a program's mistake, stays as it is."""
    return detail if language != "vi" else together(*map(_vietnamese, detail.split(", ")))


def _vietnamese(part: str) -> str:
    for pattern, vietnamese in _READ:
        if found := pattern.fullmatch(part):
            values = found.groupdict()
            if "size" in values:
                values["size"] = _DECIMAL.sub(r"\1,\2", values["size"])
            return vietnamese.format(**values)
    return part
