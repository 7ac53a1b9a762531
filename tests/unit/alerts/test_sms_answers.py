"""What people answer to a short message."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.people.inbox import NO_MORE, YES, Meaning, SmsAnswer, read_answer
from alerts.telling.gsm import unaccented


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("OK 123", SmsAnswer(Meaning.ACKNOWLEDGE, 123)),
        ("ok123", SmsAnswer(Meaning.ACKNOWLEDGE, 123)),
        ("OK, 17", SmsAnswer(Meaning.ACKNOWLEDGE, 17)),
        ("Ok số 17.", SmsAnswer(Meaning.ACKNOWLEDGE, 17)),
        ("oke canh bao so 17 nhé", SmsAnswer(Meaning.ACKNOWLEDGE, 17, "nhé")),
        ("OK１７", SmsAnswer(Meaning.ACKNOWLEDGE, 17)),
        ("oke", SmsAnswer(Meaning.ACKNOWLEDGE)),
        ("Okê!", SmsAnswer(Meaning.ACKNOWLEDGE)),
        ("vâng", SmsAnswer(Meaning.ACKNOWLEDGE)),
        ("VANG 17", SmsAnswer(Meaning.ACKNOWLEDGE, 17)),
        ("Dạ vâng ạ", SmsAnswer(Meaning.ACKNOWLEDGE, None, "ạ")),
        ("rồi", SmsAnswer(Meaning.ACKNOWLEDGE)),
        ("Roi.", SmsAnswer(Meaning.ACKNOWLEDGE)),
        ("biết rồi", SmsAnswer(Meaning.ACKNOWLEDGE)),
        ("rơi", SmsAnswer(Meaning.NOTHING)),
        ("dừng", SmsAnswer(Meaning.STOP)),
        ("DUNG", SmsAnswer(Meaning.STOP)),
        ("Dừng lại!", SmsAnswer(Meaning.STOP)),
        ("đúng", SmsAnswer(Meaning.NOTHING)),  # "right", not "stop"
        ("OK 17h toi ra", SmsAnswer(Meaning.NOTHING)),
        ("ok 1.234", SmsAnswer(Meaning.NOTHING)),
        ("ok 17,18", SmsAnswer(Meaning.NOTHING)),
        ("ok mai bật 4 quạt", SmsAnswer(Meaning.NOTHING)),
        ("OK 1234567890123", SmsAnswer(Meaning.ACKNOWLEDGE, 1234567890123)),
        ("OK 12345678901234567890", SmsAnswer(Meaning.NOTHING)),
        (" Ok #123. ", SmsAnswer(Meaning.ACKNOWLEDGE, 123)),
        ("OK", SmsAnswer(Meaning.ACKNOWLEDGE)),
        ("ok 17 đã bật quạt", SmsAnswer(Meaning.ACKNOWLEDGE, 17, "đã bật quạt")),
        ("Đã nhận 5", SmsAnswer(Meaning.ACKNOWLEDGE, 5)),
        ("OK cảm ơn", SmsAnswer(Meaning.ACKNOWLEDGE, None, "cảm ơn")),
        ("STOP", SmsAnswer(Meaning.STOP)),
        ("stop.", SmsAnswer(Meaning.STOP)),
        ("Từ chối", SmsAnswer(Meaning.STOP)),
        ("stop it at 5", SmsAnswer(Meaning.NOTHING)),
        ("nhận lại", SmsAnswer(Meaning.START)),
        ("START", SmsAnswer(Meaning.START)),
        ("okra 5 kg", SmsAnswer(Meaning.NOTHING)),
        ("", SmsAnswer(Meaning.NOTHING)),
    ],
)
def test_an_answer_is_understood_or_left_alone(text: str, answer: SmsAnswer) -> None:
    assert read_answer(text) == answer


numbers = st.integers(1, 10**15)
WORDS = st.sampled_from([*YES, *map(unaccented, YES)])
CASES = st.sampled_from([str.lower, str.upper, str.title])
FORMS = st.sampled_from(["NFC", "NFD"])


@given(WORDS, CASES, FORMS, st.sampled_from(["", " ", ", ", ": ", " #", " số ", ". ", "\n"]), numbers)
def test_every_yes_with_a_number_acknowledges_that_alarm(
    word: str, case: Callable[[str], str], form: Literal["NFC", "NFD"], gap: str, number: int
) -> None:
    text = unicodedata.normalize(form, case(word)) + gap + str(number)
    assert read_answer(text) == SmsAnswer(Meaning.ACKNOWLEDGE, number)


@given(WORDS, st.text(alphabet="0123456789 .,-#:abhđố", max_size=12))
def test_a_number_that_is_given_is_never_taken_for_another_one(word: str, rest: str) -> None:
    answer = read_answer(word + rest)
    given_numbers = {int(digits) for digits in re.findall(r"\d+", rest)}
    if answer.meaning is Meaning.ACKNOWLEDGE and given_numbers:
        assert answer.alarm_id in given_numbers


@given(st.sampled_from([*NO_MORE, *map(unaccented, NO_MORE)]), CASES, FORMS)
def test_every_no_stops(word: str, case: Callable[[str], str], form: Literal["NFC", "NFD"]) -> None:
    assert read_answer(unicodedata.normalize(form, case(word)) + ".").meaning is Meaning.STOP
