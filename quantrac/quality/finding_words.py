"""What a finding says to people, in both languages: a sentence of its test with the figures of the reading. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from quantrac.telemetry.words import Words


def filled(sentence: Words, figures: Mapping[str, float]) -> Words:
    """Return a sentence with figures, by placeholder, in place of `{value}` and the like; Vietnamese has commas."""
    shown = {name: f"{figure:.6g}" for name, figure in figures.items()}
    commas = {name: text.replace(".", ",") for name, text in shown.items()}
    return Words(sentence.vi.format(**commas), sentence.en.format(**shown))
