"""Mails: links that prove themselves, a chart that shows the course, HTML that says what the text says, receipts."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from alerts.channels.chart import LIMIT, LINE, day_chart
from alerts.channels.email_smtp import letter_html
from alerts.people.receipts import outcome
from alerts.telling.links import LASTS, LinkRefused, Links, Opened

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LINKS = Links("https://quantrac.example.vn/", "geheim")


def token(links: Links = LINKS) -> str:
    return links.to_alarm(17, 3, NOW).rpartition("/")[2]


def test_a_link_stands_for_one_alarm_and_one_person_until_it_runs_out() -> None:
    assert LINKS.to_alarm(17, 3, NOW).startswith("https://quantrac.example.vn/a/17.3.")
    assert LINKS.opened(token(), NOW + LASTS) == Opened(17, 3)
    with pytest.raises(LinkRefused, match="run out"):
        LINKS.opened(token(), NOW + LASTS + timedelta(seconds=1))


@given(st.integers(0, len(token()) - 1), st.sampled_from("0123456789abcXYZ.-_"))
def test_a_link_with_one_character_changed_is_refused(place: int, other: str) -> None:
    known = token()
    changed = known[:place] + other + known[place + 1 :]
    if changed != known:
        with pytest.raises(LinkRefused):
            LINKS.opened(changed, NOW)


@pytest.mark.parametrize("forged", ["", "17.3", "a.b.c.d", "....", token(Links("https://x", "other")), "ü.3.9.x"])
def test_what_was_not_made_here_is_refused(forged: str) -> None:
    with pytest.raises(LinkRefused):
        LINKS.opened(forged, NOW)


def test_the_chart_shows_the_course_and_the_limit_and_breaks_at_a_gap() -> None:
    course = [(600 * i, 4.0 + (i % 7) / 10) for i in range(60)] + [(600 * i, 2.0) for i in range(100, 145)]
    image = Image.open(io.BytesIO(day_chart(course, 3.0, ZONE, "vi") or b""))
    colours = {colour: count for count, colour in image.convert("RGB").getcolors(1 << 20) or []}
    assert colours[_rgb(LINE)] > 1000
    assert colours[_rgb(LIMIT)] > 500
    gap = image.convert("RGB").crop((560, 0, 700, 270)).getcolors(1 << 20)
    assert _rgb(LINE) not in {colour for _, colour in gap or []}


def test_a_chart_has_decimals_as_its_reader_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, list[str]] = {"vi": [], "en": []}
    draw_text = ImageDraw.ImageDraw.text
    for language, texts in drawn.items():

        def keep(
            draw: ImageDraw.ImageDraw, xy: Any, text: str, *args: Any, texts: list[str] = texts, **kw: Any
        ) -> None:
            texts.append(text)
            draw_text(draw, xy, text, *args, **kw)

        monkeypatch.setattr(ImageDraw.ImageDraw, "text", keep)
        day_chart([(0, 2.51), (600, 2.52)], 3.0, ZONE, language)
    assert [text.replace(",", ".") for text in drawn["vi"]] == drawn["en"]
    assert (drawn["vi"][0], drawn["en"][0]) == ("2,46", "2.46")


@pytest.mark.parametrize(("course", "is_drawn"), [([], False), ([(0, 1.0)], False), ([(0, 0.0), (600, 0.0)], True)])
def test_a_course_is_drawn_unless_it_is_too_short(course: list[tuple[int, float]], is_drawn: bool) -> None:
    assert (day_chart(course, None, ZONE, "en") is not None) == is_drawn


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def test_the_html_says_what_the_text_says_and_loads_nothing_from_elsewhere() -> None:
    text = "Sông Mỹ Thanh: Oxy <thấp>\nGiá trị: 2,40 mg/L & giảm\n\nCảnh báo số 17."
    html = letter_html("Oxy", text, {"language": "vi", "severity": "high", "link": "https://x/a/1"}, "c@example.org")
    said = unescape(re.sub("<[^>]*>", "", html))
    for part in ("Sông Mỹ Thanh: Oxy <thấp>", "Giá trị: 2,40 mg/L & giảm", "Cảnh báo số 17.", "Tôi đã biết"):
        assert part in said
    assert re.findall(r"""(?:src|href|background)=["']?([^"'> ]*)""", html) == ["cid:c@example.org", "https://x/a/1"]


@pytest.mark.parametrize(
    ("receipt", "settled"),
    [
        ({"SendStatus": "5", "SendSuccess": "1", "SendFailed": "0"}, "delivered"),
        ({"SendStatus": "5", "SendSuccess": "0", "SendFailed": "1", "error_info": "absent"}, "failed"),
        ({"SendStatus": "4"}, "failed"),
        *(({"SendStatus": status}, None) for status in ("1", "2", "7")),
        ({}, None),
    ],
)
def test_receipts_of_esms(receipt: dict[str, str], settled: str | None) -> None:
    """SendStatus as the provider's documents have it: 4 refused, 5 finished, 1 2 7 on the way."""
    found = outcome(receipt)
    assert (None if found is None else found[0]) == settled
