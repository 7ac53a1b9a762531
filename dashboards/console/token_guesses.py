"""Wrong tokens of programs, counted by the network that they come from. Pure but for its own state.

A token cannot be guessed; what is bounded is the work of saying so. A program whose token has ended asks with the same
one for weeks: that is one guess, and costs its neighbours nothing. A token that was right before is let through: else
whoever guesses would shut out the programs of the network that he comes from.
"""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import Final, TypeVar

from dashboards.api.answers import AskedTooOften
from dashboards.api.rate import RateBound
from dashboards.console.strangers import network_of

Key = TypeVar("Key")

AT_ONCE: Final = 30
EACH_S: Final = 0.1
"""Other tokens that a network may try: so many at once, then one every ten seconds."""
MOST_KNOWN: Final = 1_000
"""Wrong tokens that are remembered, and right ones; beyond it those that came longest ago are forgotten."""


class TokenGuesses:
    """Who tries many tokens waits."""

    def __init__(self) -> None:
        self._bound = RateBound(AT_ONCE, EACH_S)
        self._known: dict[tuple[str, bytes], None] = {}
        self._right: dict[bytes, None] = {}
        self._lock = Lock()

    def check(self, address: str, token: str, at_s: float) -> None:
        """Raise AskedTooOften for a network that has tried too many, unless this token was right when it came last.

        `at_s`: any steady clock.
        """
        if _digest(token) in self._right:
            return
        if wait_s := self._bound.wait_s(network_of(address), at_s, takes=False):
            raise AskedTooOften(wait_s)

    def note_right(self, token: str) -> None:
        """Remember a token that is one."""
        with self._lock:
            _remember(self._right, _digest(token))

    def note(self, address: str, token: str, at_s: float) -> None:
        """Count a wrong token, unless it is one that came from there before."""
        network, digest = network_of(address), _digest(token)
        with self._lock:
            self._right.pop(digest, None)
            is_new = (network, digest) not in self._known
            _remember(self._known, (network, digest))
        if is_new:
            self._bound.wait_s(network, at_s)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _remember(known: dict[Key, None], key: Key) -> None:
    known.pop(key, None)
    known[key] = None
    if len(known) > MOST_KNOWN:
        del known[next(iter(known))]
