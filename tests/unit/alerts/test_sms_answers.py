"""What people answer to a short message."""

from __future__ import annotations

import pytest

from alerts.people.inbox import Meaning, SmsAnswer, read_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("OK 123", SmsAnswer(Meaning.ACKNOWLEDGE, 123)),
        ("ok123", SmsAnswer(Meaning.NOTHING)),
        (" Ok #123. ", SmsAnswer(Meaning.ACKNOWLEDGE, 123)),
        ("OK", SmsAnswer(Meaning.ACKNOWLEDGE)),
        ("ok 17 đã bật quạt", SmsAnswer(Meaning.ACKNOWLEDGE, 17, "da bat quat")),
        ("Đã nhận 5", SmsAnswer(Meaning.ACKNOWLEDGE, 5)),
        ("OK cảm ơn", SmsAnswer(Meaning.ACKNOWLEDGE, None, "cam on")),
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
