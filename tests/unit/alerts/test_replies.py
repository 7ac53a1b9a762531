"""What people answer to a short message."""

from __future__ import annotations

import pytest

from alerts.people.replies import Reply, Wish, read_reply


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("OK 123", Reply(Wish.ACKNOWLEDGE, 123)),
        ("ok123", Reply(Wish.NOTHING)),
        (" Ok #123. ", Reply(Wish.ACKNOWLEDGE, 123)),
        ("OK", Reply(Wish.ACKNOWLEDGE)),
        ("ok 17 đã bật quạt", Reply(Wish.ACKNOWLEDGE, 17, "da bat quat")),
        ("Đã nhận 5", Reply(Wish.ACKNOWLEDGE, 5)),
        ("OK cảm ơn", Reply(Wish.ACKNOWLEDGE, None, "cam on")),
        ("STOP", Reply(Wish.STOP)),
        ("stop.", Reply(Wish.STOP)),
        ("Từ chối", Reply(Wish.STOP)),
        ("stop it at 5", Reply(Wish.NOTHING)),
        ("nhận lại", Reply(Wish.START)),
        ("START", Reply(Wish.START)),
        ("okra 5 kg", Reply(Wish.NOTHING)),
        ("", Reply(Wish.NOTHING)),
    ],
)
def test_an_answer_is_understood_or_left_alone(text: str, reply: Reply) -> None:
    assert read_reply(text) == reply
