"""A dead letter is explained in words, in both languages, as far as it can be read."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest.storing.pictures import BAD_PROPERTIES, NOT_JPEG
from ingest.storing.writer import NOT_UNDERSTOOD, REFUSED_BY_DATABASE
from quantrac.desks.books import DeadLetterRow
from quantrac.desks.misfits import REASONS, explained, words
from quantrac.telemetry.wire import Misfit

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def letter(payload: bytes, topic: str = "quantrac/v1/st-test/readings", **more: Any) -> DeadLetterRow:
    return DeadLetterRow(
        1, NOW, NOW, topic, "st-test", None, None, payload, more.pop("length", len(payload)), "", "not_json",
        more.pop("detail", None), "open", 1, None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize("reason", [*Misfit, BAD_PROPERTIES, NOT_JPEG, NOT_UNDERSTOOD, REFUSED_BY_DATABASE])
def test_every_reason_has_words_in_both_languages(reason: str) -> None:
    said = REASONS[reason]
    assert said.vi != said.en
    assert min(len(said.vi), len(said.en)) > 5


def test_a_reason_of_later_days_is_shown_as_it_is() -> None:
    assert words("of_later").vi == "of_later"


def test_a_message_is_shown_with_its_readings_and_what_was_refused() -> None:
    payload = (
        b'{"epoch":"e1","seq":7,"t":1795490400000,"r":[["do",4.5,"ok"],["dox",null,"comm"]],'
        b'"e":[["mains",null,"off",0]]}'
    )
    detail = {"found": "1 reading", "refused": [{"place": "r[1]", "found": "dox", "reason": "unknown_channel"}]}
    text = "\n".join(explained(letter(payload, detail=detail), ZONE))
    assert "message 7 of epoch e1, time 2026-11-24 03:20:00Z (2026-11-24 10:20:00+07:00)" in text
    assert "4.5 ok" in text
    assert "refused r[1] dox: names a channel that is not configured" in text
    assert "event mains - 1970-01-01 00:00:00Z" in text


def test_what_cannot_be_read_says_so() -> None:
    assert list(explained(letter(b"hello"), ZONE)) == ["it cannot be read as a message"]
    assert list(explained(letter(b"{", length=70_000), ZONE)) == ["it cannot be read as a message; it was cut"]
    far = b'{"epoch":"e1","seq":7,"t":9007199254740992,"r":[["do",4.5,"ok"]]}'
    assert "no date" in "\n".join(explained(letter(far), ZONE))
    assert list(explained(letter(b"GIF", "quantrac/v1/st-test/image"), ZONE)) == ["a picture of 3 bytes"]
