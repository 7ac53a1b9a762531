"""What a finding says to people, in both languages: a sentence of its test with the figures of the reading. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from quantrac.telemetry.words import Words

POINT: Final = re.compile(r"(?<=\d)\.(?=\d)")
"""Of a decimal fraction: in Vietnamese it is a comma."""


def filled(sentence: Words, figures: Mapping[str, float]) -> Words:
    """Return a sentence with figures, by placeholder, in place of `{value:g}` and the like."""
    return Words(POINT.sub(",", sentence.vi.format(**figures)), sentence.en.format(**figures))
