"""Registered frames: what is cut to the length of a placeholder, and what never is."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.channels.templates import filled
from alerts.telling.notifier import NotCarried, Outgoing
from quantrac.config.notifications import MessageTemplate


def filled_with(most: int, of: str, text: str) -> dict[str, str]:
    template = MessageTemplate.model_validate({"id": "1", "placeholders": {"x": {"of": of, "most": most}}})
    facts: dict[str, Any] = {"words": {of: text}}
    return filled(template, Outgoing("k", "+84912345678", "", facts=facts))


@pytest.mark.parametrize(
    ("most", "text", "expected"),
    [
        (13, "Sông Mỹ Thanh (cửa)", "Sông Mỹ Thanh"),
        (15, "Sông Mỹ Thanh (cửa)", "Sông Mỹ Thanh"),  # no half word
        (30, "Sông Mỹ Thanh (cửa)", "Sông Mỹ Thanh (cửa)"),
        (4, "SôngMỹThanh", "Sông"),
    ],
)
def test_words_are_cut_between_words(most: int, text: str, expected: str) -> None:
    assert filled_with(most, "station", text) == {"x": expected}


def test_a_number_is_whole_or_the_next_carrier_is_asked() -> None:
    assert filled_with(5, "value", "12500") == {"x": "12500"}
    with pytest.raises(NotCarried, match="value '12500'"):
        filled_with(4, "value", "12500")
