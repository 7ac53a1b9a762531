"""What runs of jobs say of themselves: `job_run.detail` keeps the English, pages say it in either language. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from quantrac.telemetry.words import Words


class Said(NamedTuple):
    """One thing a job says, with the same placeholders in both languages; `{count}` is a whole number."""

    words: Words

    def __call__(self, **values: object) -> str:
        """Return the English, as it is kept."""
        return self.words.en.format(**values)


STATIONS: Final = Said(Words("{count} trạm", "{count} stations"))
CHANNELS: Final = Said(Words("{count} kênh đổi tình trạng", "{count} channels changed"))
DEVICES: Final = Said(Words("{count} thiết bị đổi tình trạng", "{count} devices changed"))
BOOKS: Final = Said(Words("{count} sổ", "{count} books"))
BREACHES: Final = Said(Words("{count} vi phạm", "{count} breaches"))
CLOCKS: Final = Said(Words("{count} đồng hồ", "{count} clocks"))
CONSUMERS: Final = Said(Words("{count} bộ xử lý", "{count} consumers"))
LATE_FILES: Final = Said(Words("{count} tệp trễ đổi tình trạng", "{count} late files changed"))
CHANGES: Final = Said(Words("đã dọn {count} dòng thay đổi", "{count} changes removed"))
UNREGISTERED: Final = Said(Words("đã bỏ đăng ký {names}", "unregistered {names}"))
SURPLUS: Final = Said(Words("đã dọn {count} bản tin hỏng quá mức {most}", "{count} dead letters beyond {most} removed"))
HEALTH: Final = Said(Words("đã dọn {count} đoạn ghi tình trạng thu nhận", "{count} stretches of health"))
RUNS: Final = Said(Words("{count} lần chạy", "{count} runs"))
BEATS: Final = Said(Words("{count} nhịp của tiến trình", "{count} beats"))
STRANGERS: Final = Said(Words("{count} tin nhắn của người lạ", "{count} messages of strangers removed"))
READINGS: Final = Said(Words("số liệu: đã xóa {count} khối", "readings: {count} chunks dropped"))
HOURLY: Final = Said(Words("giá trị giờ: đã xóa {count} khối", "hourly: {count} chunks dropped"))
DAILY: Final = Said(Words("giá trị ngày: đã xóa {count} khối", "daily: {count} chunks dropped"))
READINGS_KEPT: Final = Said(Words("số liệu: giữ hết", "readings: all kept"))
HOURLY_KEPT: Final = Said(Words("giá trị giờ: giữ hết", "hourly: all kept"))
DAILY_KEPT: Final = Said(Words("giá trị ngày: giữ hết", "daily: all kept"))
CAMERAS: Final = Said(Words("đã xóa {count} ảnh", "{count} pictures removed"))
LETTERS: Final = Said(Words("{count} bản tin hỏng", "{count} dead letters removed"))
FILES: Final = Said(Words("{count} tệp gửi Bộ", "{count} files for the ministry removed"))
OFF: Final = Said(Words("đang tắt: xem quantrac db tune", "off: see quantrac db tune"))
COMPRESSED: Final = Said(Words("đã nén {count} tuần", "{count} weeks compressed"))
ORDERED: Final = Said(Words("đã sắp xếp {count} khối", "{count} chunks ordered"))
IN_USE: Final = Said(Words("{count} khối đang bận, để lại tối mai", "{count} in use and left for tomorrow"))
MADE_BEFORE: Final = Said(Words("{period} đã có", "{period} is there"))
DRAFT: Final = Said(Words("{period}: bản nháp số {number}", "{period}: draft {number}"))
BACKUP: Final = Said(Words("{file}: {size} MB", "{file}: {size} MB"))
OLD_BACKUPS: Final = Said(Words("đã xóa {count} bản cũ", "{count} old ones removed"))
EXPLAINED: Final = Said(Words("đã tìm nguyên nhân cho {count} ngày", "{count} days explained"))
LEFT: Final = Said(Words("còn {count} ngày", "{count} left"))

EVERY: Final = tuple(one for one in list(globals().values()) if isinstance(one, Said))
_PLACE: Final = re.compile(r"\\\{(\w+)\\\}")
_DECIMAL: Final = re.compile(r"(\d+)\.(\d+)")


def _read(said: Said) -> re.Pattern[str]:
    """Return what finds the values in the English of it."""
    kinds = {"count": r"\d+"}
    return re.compile(_PLACE.sub(lambda at: f"(?P<{at[1]}>{kinds.get(at[1], '.+')})", re.escape(said.words.en)))


_READ: Final = tuple((_read(one), one.words.vi) for one in EVERY)


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
