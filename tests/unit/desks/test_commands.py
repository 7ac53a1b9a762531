"""A station answers what it likes: only a JSON object that the audit can keep is an answer."""

import json

import pytest

from quantrac.desks.commands import NoReply, answer_of, answers


def test_an_object_is_an_answer() -> None:
    assert answer_of("st-a", '{"ok": true, "lời": "được"}'.encode()) == {"ok": True, "lời": "được"}


@pytest.mark.parametrize(
    "reply",
    [
        b"", b"[]", b"null", b"[" * 100_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\\ud800"}', b'{"a\xff": 1}', b'{"a": NaN}', json.dumps({"a": "\0"}).encode(), b"{" + b'"',
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_the_station_s_name(reply: bytes) -> None:
    with pytest.raises(NoReply, match="st-a has answered what is no JSON object"):
        answer_of("st-a", reply)


@pytest.mark.parametrize(
    ("payload", "is_ours"),
    [
        (b'{"id": "a1", "ok": true}', True),
        (b'{"id": "a2", "ok": true}', False),
        (b'{"ok": true}', False),
        (b'["a1"]', False),
        (b"a1", False),
        (b"\xff", False),
        (b"[" * 100_000, False),
    ],
)
def test_only_a_reply_that_names_the_command_is_its_answer(payload: bytes, is_ours: bool) -> None:
    assert answers(payload, "a1") is is_ours
