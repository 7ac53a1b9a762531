"""The pace of old messages behind the new ones: a rate, and bundles of a size that the line carries quickly. Pure.

A new message waits behind what is under way on the line, so that must not be much: the bundles under way together are
kept to what the line carries in `LINE_S`. How long an answer took says how fast the line is, because what was under way
before is known. A link that holds only a few seconds must still bring something over, so a connection begins with a
single small bundle, and bundles are halved when a connection ends under them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from quantrac.telemetry.wire import MAX_BUNDLE

SMALLEST_BUNDLE: Final = 1024
"""Bytes; a single longer message still goes."""
FIRST_BUNDLE: Final = 8192
LINE_S: Final = 1.0
"""What is under way of old messages may keep the line busy for so long."""
SHARE_S: Final = 0.1
"""Tokens are saved up for this long, so that bundles are worth their envelope."""


@dataclass(slots=True)
class Pace:
    """A token bucket of messages and the present size of a bundle."""

    rate: float
    """Messages a second."""
    bundle_bytes: int = FIRST_BUNDLE
    is_measured: bool = False
    """Whether anything is known of the line; until then one bundle at a time is enough."""
    _tokens: float = 0.0
    _at_s: float = field(default=float("-inf"))

    def allowance(self, now_s: float) -> int:
        """Return how many messages may go now; 0 = wait a little."""
        most = max(1.0, self.rate)
        self._tokens = min(most, self._tokens + max(0.0, now_s - self._at_s) * self.rate)
        self._at_s = now_s
        return int(self._tokens) if self._tokens >= max(1.0, self.rate * SHARE_S) else 0

    def spend(self, messages: int) -> None:
        """Note that messages were published."""
        self._tokens -= messages

    def wait_s(self) -> float:
        """Return how long until there is an allowance again."""
        return max(0.0, (max(1.0, self.rate * SHARE_S) - self._tokens) / self.rate)

    def answered(self, took_s: float, bytes_ahead: int, bundles: int) -> None:
        """Note that the broker has acknowledged a bundle.

        `bytes_ahead`: old messages that were under way when it was published, itself included; `bundles`: how many may
        be under way together.
        """
        self.is_measured = True
        fitting = round(bytes_ahead / max(took_s, 1e-3) * LINE_S / bundles)
        if took_s < LINE_S:
            self.bundle_bytes = max(self.bundle_bytes, min(MAX_BUNDLE, self.bundle_bytes * 2, fitting))
        else:
            self.bundle_bytes = max(SMALLEST_BUNDLE, min(self.bundle_bytes, fitting))

    def shrink(self) -> None:
        """Try smaller bundles: one was lost under way, or too large."""
        self.bundle_bytes = max(SMALLEST_BUNDLE, self.bundle_bytes // 2)
