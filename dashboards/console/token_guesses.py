"""Wrong tokens of programs, counted by the network that they come from. Pure but for its own state.

A token cannot be guessed; what is bounded is the work of saying so. A program whose token has ended asks with the same
one for weeks: that is one guess, and costs its neighbours nothing.
"""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import Final

from dashboards.api.answers import AskedTooOften
from dashboards.api.rate import RateBound
from dashboards.console.strangers import network_of

AT_ONCE: Final = 30
EACH_S: Final = 0.1
"""Other tokens that a network may try: so many at once, then one every ten seconds."""
MOST_KNOWN: Final = 1_000
"""Wrong tokens that are remembered; beyond it those that were tried longest ago are forgotten."""


class TokenGuesses:
    """Who tries many tokens waits."""

    def __init__(self) -> None:
        self._bound = RateBound(AT_ONCE, EACH_S)
        self._known: dict[tuple[str, bytes], None] = {}
        self._lock = Lock()

    def check(self, address: str, at_s: float) -> None:
        """Raise AskedTooOften for a network that has tried too many. `at_s`: any steady clock."""
        if wait_s := self._bound.wait_s(network_of(address), at_s, takes=False):
            raise AskedTooOften(wait_s)

    def note(self, address: str, token: str, at_s: float) -> None:
        """Count a wrong token, unless it is one that came from there before."""
        network = network_of(address)
        tried = network, hashlib.sha256(token.encode(errors="replace")).digest()
        with self._lock:
            is_new = tried not in self._known
            self._known.pop(tried, None)
            self._known[tried] = None
            if len(self._known) > MOST_KNOWN:
                del self._known[next(iter(self._known))]
        if is_new:
            self._bound.wait_s(network, at_s)
