"""State of a reading: what the device reports of its own value."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from quantrac.telemetry.errors import QuantracError


class State(IntEnum):
    """What the device says. The number is the precedence (larger wins) and the smallint stored in the database."""

    OK = 0
    SUSPECT = 1
    RANGE = 2
    WARMUP = 3
    MAINT = 4
    CAL = 5
    FAULT = 6
    COMM = 7

    @property
    def word(self) -> str:
        """The word used on the wire, in configuration and in views: such as `ok` or `comm`."""
        return self.name.lower()

    @property
    def is_valid(self) -> bool:
        """Whether a value in this state may enter a mean."""
        return self <= State.SUSPECT

    @classmethod
    def from_word(cls, word: str) -> State:
        """Return the state of a word; raises UnknownState."""
        try:
            return STATE_OF_WORD[word]
        except KeyError:
            raise UnknownState(f"unknown state {word!r}; known: {', '.join(STATE_OF_WORD)}") from None


class UnknownState(QuantracError):
    """A word that names no state."""


STATE_OF_WORD: Final[dict[str, State]] = {state.word: state for state in State}
"""The eight words of the wire and their states."""


def worst(states: Iterable[State]) -> State:
    """Return the state that takes precedence; OK when there is none."""
    return max(states, default=State.OK)
