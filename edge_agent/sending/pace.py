"""How fast old messages follow the new ones: a rate, and bundles as large as the link carries in about a second. Pure.

A link that holds only a few seconds must still bring something over, so bundles start small, double while the broker
answers quickly, and are halved by slow answers and by a connection that ends under them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from quantrac.telemetry.wire import MAX_BUNDLE

SMALLEST_BUNDLE: Final = 1024
"""Bytes; a single longer message still goes."""
FIRST_BUNDLE: Final = 8192
QUICK_S: Final = 0.5
SLOW_S: Final = 2.0
SHARE_S: Final = 0.1
"""Tokens are saved up for this long, so that bundles are worth their envelope."""


@dataclass(slots=True)
class Pace:
    """A token bucket of messages and the present size of a bundle."""

    rate: float
    """Messages a second."""
    bundle_bytes: int = FIRST_BUNDLE
    _tokens: float = 0.0
    _at_s: float = field(default=float("-inf"))

    def allowance(self, now_s: float) -> int:
        """Return how many messages may go now; 0 = wait a little."""
        most = max(1.0, self.rate)
        self._tokens = min(most, self._tokens + max(0.0, now_s - self._at_s) * self.rate)
        self._at_s = now_s
        return int(self._tokens) if self._tokens >= max(1.0, self.rate * SHARE_S) else 0

    def spend(self, messages: int) -> None:
        """Messages have been published."""
        self._tokens -= messages

    def wait_s(self) -> float:
        """Return how long until there is an allowance again."""
        return max(0.0, (max(1.0, self.rate * SHARE_S) - self._tokens) / self.rate)

    def answered(self, took_s: float) -> None:
        """The broker has acknowledged a bundle."""
        if took_s < QUICK_S:
            self.bundle_bytes = min(MAX_BUNDLE, self.bundle_bytes * 2)
        elif took_s > SLOW_S:
            self.shrink()

    def shrink(self) -> None:
        """A bundle was lost under way or too large: try a smaller one."""
        self.bundle_bytes = max(SMALLEST_BUNDLE, self.bundle_bytes // 2)
