"""GSM-7 and segments. Expected values: 3GPP TS 23.038 and the examples of reference texts, counted by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.telling.gsm import Length, length, unaccented

ALPHABETS = [
    ("Song My Thanh 05:10 01/03: oxy 2,8 mg/l", Length("GSM-7", 39, 1)),
    ("a" * 160, Length("GSM-7", 160, 1)),
    ("a" * 161, Length("GSM-7", 161, 2)),
    ("a" * 306, Length("GSM-7", 306, 2)),
    ("a" * 307, Length("GSM-7", 307, 3)),
    ("€[]", Length("GSM-7", 6, 1)),
    ("€" * 80, Length("GSM-7", 160, 1)),
    ("€" * 81, Length("GSM-7", 162, 2)),
    ("ệ" * 70, Length("UCS-2", 70, 1)),
    ("ệ" * 71, Length("UCS-2", 71, 2)),
    ("đ", Length("UCS-2", 1, 1)),
    ("🦐", Length("UCS-2", 2, 1)),
]


@pytest.mark.parametrize(("text", "expected"), ALPHABETS)
def test_length(text: str, expected: Length) -> None:
    assert length(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sông Mỹ Thanh: Oxy thấp, đang giảm", "Song My Thanh: Oxy thap, dang giam"),
        ("ĐÃ HẾT CẢNH BÁO", "DA HET CANH BAO"),
        ("≥ 4 µg/m³ – 12 ‰", ">= 4 ug/m3 - 12 %o"),
        ("ừ, ẵ, ợ, ỷ", "u, a, o, y"),
        ("tôm 🦐", "tom ?"),
    ],
)
def test_vietnamese_without_diacritics(text: str, expected: str) -> None:
    assert unaccented(text) == expected


@given(st.text())
def test_what_is_unaccented_always_fits_the_alphabet(text: str) -> None:
    assert length(unaccented(text)).alphabet == "GSM-7"
