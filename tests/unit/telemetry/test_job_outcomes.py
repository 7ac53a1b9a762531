"""What a run of a job said is read in the reader's language, as a Vietnamese colleague would say it."""

from __future__ import annotations

import string

import pytest

from quantrac.telemetry.job_outcomes import Said, outcome


@pytest.mark.parametrize(
    ("kept", "read"),
    [
        ("0 devices changed", "0 thiết bị đổi tình trạng"),
        ("2 stations, 3 channels changed", "2 trạm, 3 kênh đổi tình trạng"),
        (
            "readings: all kept, hourly: 2 chunks dropped, daily: all kept, 3 pictures removed, 0 dead letters "
            "removed, 18 files for the ministry removed",
            "số liệu: giữ hết, giá trị giờ: đã xóa 2 khối, giá trị ngày: giữ hết, đã xóa 3 ảnh, 0 bản tin hỏng, "
            "18 tệp gửi Bộ",
        ),
        ("quantrac-20261124T183000Z.dump: 12.3 MB, 2 old ones removed",
         "quantrac-20261124T183000Z.dump: 12,3 MB, đã xóa 2 bản cũ"),
        ("2026-W47: draft 12", "2026-W47: bản nháp số 12"),
        ("ValueError: 3 stations, none of them known", "ValueError: 3 stations, none of them known"),
        ("", ""),
    ],
)  # fmt: skip
def test_outcomes_are_read_in_vietnamese_and_kept_in_english(kept: str, read: str) -> None:
    assert outcome(kept, "vi") == read
    assert outcome(kept, "en") == kept


@pytest.mark.parametrize("said", list(Said))
def test_whatever_a_job_says_has_the_same_values_in_both_languages(said: Said) -> None:
    english, vietnamese = (
        sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)
        for text in (said.value.en, said.value.vi)
    )
    assert english == vietnamese
    values = dict.fromkeys(english, "7")
    assert outcome(said(**values), "vi") == said.value.vi.format(**values)
