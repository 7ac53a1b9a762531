"""How often one address may ask for public pages: a bucket of tokens each, which fills again. Pure but for its memory.

Many people may come by one address (a telephone company's, a school's), so the bucket is deep; whoever empties it is a
program, and waits.
"""

from __future__ import annotations

import ipaddress
import math
from typing import Final

MOST_ADDRESSES: Final = 20_000
"""So many are remembered; beyond it those that have asked least of late are forgotten."""
DEEP_S: Final = 20.0
"""The bucket holds what flows into it in so long."""


class StrangerRates:
    """The buckets of all addresses."""

    def __init__(self, per_minute: float) -> None:
        self._flow = per_minute / 60
        self._depth = max(1.0, self._flow * DEEP_S)
        self._buckets: dict[str, tuple[float, float]] = {}
        """Address → tokens, and when they were counted; who asked last stands last."""

    def wait_s(self, address: str, at_s: float) -> int:
        """Take a token for a request at a moment of any steady clock; 0, or after how many seconds to ask again."""
        key = network_of(address)
        tokens, counted_s = self._buckets.pop(key, (self._depth, at_s))
        tokens = min(self._depth, tokens + (at_s - counted_s) * self._flow)
        is_let_in = tokens >= 1
        self._buckets[key] = (tokens - 1 if is_let_in else tokens, at_s)
        if len(self._buckets) > MOST_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]
        return 0 if is_let_in else math.ceil((1 - tokens) / self._flow)


def network_of(address: str) -> str:
    """Return what counts as one address: of IPv6 the network of a subscriber, its first 64 bits."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)
