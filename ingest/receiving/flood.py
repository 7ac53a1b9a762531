"""The flood watch: which deliveries are put off because their station sends more than it may while others wait.

Nothing is put off while ingest keeps up, nor while most stations send much: then it is the network that is busy (the
broker or ingest was away), and nobody harms anybody. To be put off is no reproach yet: a spool that is sent after an
outage may meet a moment in which ingest is behind. A station is put off for a spell; one that is behind it all again
once the spell is over floods. All times are of the receipt, microseconds since 1970. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from ingest.books.breach import STRANGERS
from ingest.books.receipt import Receipt
from ingest.receiving.registry import Registry

AT_ONCE: Final = 4000
"""What a station may send while ingest is behind, by weight, before it must come at its rate."""
LINES_A_MESSAGE: Final = 4
"""So many lines of a bundle weigh as much as a message that comes alone."""
BYTES_A_MESSAGE: Final = 4096
LEAST_RATE: Final = 1.0
"""What every station may send a second, by weight."""
HEARD_US: Final = 300_000_000
"""A station that was heard within so long may be kept waiting."""
CALM_SHARE: Final = 0.75
"""Who has so much of its allowance left sends as usual."""
SPELL_US: Final = 5_000_000
"""A station that used its allowance up pays for each delivery for so long, also while ingest keeps up; twice as long
each time that it happens again."""
LONGEST_SPELL: Final = 128
"""Times SPELL_US."""
AGAIN: Final = 4
"""A spell that begins within so many lengths of the last one, from its beginning, is the same story."""
UNHEARD_AFTER: Final = 2000
"""With more deliveries put off in a spell a station is not heard for the rest of it: no agent sends so many."""
REFILL_US: Final = 10_000
"""How often what a station may send comes again."""
LOOK_US: Final = 500_000
"""How often to look who else is there."""
MOST_TOPICS: Final = 100_000


class Spell(NamedTuple):
    """A time in which a station is put off."""

    began_us: int
    lasts_s: float


@dataclass(slots=True)
class _Account:
    station: str
    number: float = AT_ONCE
    """What it may still send, by weight."""
    refilled_us: int = 0
    heard_us: int = 0
    spells: int = 0
    """How often it used its allowance up, one time soon after the other."""
    spell_us: int = 0
    """When the last spell began."""
    spell_lasts_us: int = SPELL_US
    spell_at: int = 0
    """With which delivery it began, counted over all stations."""
    put_off: int = 0
    """Deliveries put off since then."""

    @property
    def is_calm(self) -> bool:
        return self.number > CALM_SHARE * AT_ONCE

    def is_in_spell(self, now_us: int) -> bool:
        return self.spells > 0 and abs(now_us - self.spell_us) < self.spell_lasts_us

    def begin_spell(self, now_us: int) -> None:
        again = abs(now_us - self.spell_us) < AGAIN * self.spell_lasts_us
        self.spells = self.spells + 1 if again else 1
        self.spell_lasts_us = SPELL_US * min(LONGEST_SPELL, 1 << self.spells - 1)
        self.spell_us, self.put_off = now_us, 0

    def refill(self, rate: float, now_us: int) -> None:
        """Add to the account for the time since the last call; a clock that steps back adds nothing."""
        self.number = min(AT_ONCE, self.number + max(0, now_us - self.refilled_us) / 1e6 * rate)
        self.refilled_us = now_us

    def spend(self, weight: int) -> bool:
        """Pay for a delivery; tell whether there was enough."""
        if self.number < weight:
            return False
        self.number -= weight
        return True


def weigh(payload: bytes) -> int:
    """Return what a delivery costs to receive and store, in messages of ordinary size."""
    return 1 + payload.count(b"\n") // LINES_A_MESSAGE + len(payload) // BYTES_A_MESSAGE


class FloodWatch:
    """Keeps an account a station.

    For each delivery, in order of arrival, the thread that receives asks `puts_off`, and the one that takes `caught`.
    """

    def __init__(self, registry: Callable[[], Registry]) -> None:
        self._registry = registry
        self._of_topic: dict[str, _Account] = {}
        self._stations: dict[str, _Account] = {}
        self._too_much: dict[str, _Account] = {}
        """The accounts of stations that were not to be heard at one time."""
        self._looked_us = 0
        self._others_wait = False
        self._received = 0  # touched by the thread that receives
        self._taken = 0  # touched by the thread that takes

    def puts_off(self, receipt: Receipt, *, behind: bool) -> bool:
        """Tell whether a delivery is to be put off; `behind`: ingest does not keep up."""
        topic, now_us = receipt.delivery.topic, receipt.received_us
        self._received += 1
        account = self._of_topic.get(topic)
        if account is None or (account.station == STRANGERS and self._name(topic) != STRANGERS):
            account = self._open(topic, now_us)
        account.heard_us = now_us
        in_spell = account.spells > 0 and account.is_in_spell(now_us)
        if not (behind or in_spell) or account.spend(receipt.weight):
            return False
        if abs(now_us - account.refilled_us) >= REFILL_US:  # not each time: a flood comes by here
            account.refill(self._rate(account.station), now_us)
            if account.spend(receipt.weight):
                return False
        if not self._is_watched(now_us):
            return False
        if not in_spell:
            account.begin_spell(now_us)
            account.spell_at = self._received
        account.put_off += 1
        if account.put_off == UNHEARD_AFTER:
            self._too_much[account.station] = account
        return True

    def caught(self, receipt: Receipt) -> bool:
        """Tell whether a delivery that is taken came before its station's last spell began, and made it begin.

        Counted, not timed: a clock that steps back would put off all that comes until it is where it was.
        """
        self._taken += 1
        account = self._of_topic.get(receipt.delivery.topic)
        return account is not None and self._taken <= account.spell_at

    def unheard(self, now_us: int) -> dict[str, Spell]:
        """Return the stations of which so much is put off that they are not to be heard until their spells are over."""
        return {
            station: Spell(account.spell_us, account.spell_lasts_us / 1e6)
            for station, account in [*self._too_much.items()]  # the thread that receives may add one
            if account.put_off >= UNHEARD_AFTER and account.is_in_spell(now_us)
        }

    def is_flood(self, topic: str) -> bool:
        """Tell whether the station of a delivery that was put off did the same before, in an earlier spell."""
        account = self._of_topic.get(topic)  # both threads ask, and the one that receives may forget all topics
        return account is not None and account.spells > 1

    def _name(self, topic: str) -> str:
        parts = topic.split("/")
        return parts[2] if len(parts) > 2 and parts[2] in self._registry().stations else STRANGERS

    def _open(self, topic: str, now_us: int) -> _Account:
        name = self._name(topic)
        account = self._stations.setdefault(name, _Account(name, refilled_us=now_us))
        if len(self._of_topic) >= MOST_TOPICS:
            self._of_topic.clear()
        self._of_topic[topic] = account
        return account

    def _rate(self, station: str) -> float:
        registry = self._registry()
        known, times = registry.stations.get(station), 1.0 if registry.quotas is None else registry.quotas.times
        return max(LEAST_RATE, times * (0.0 if known is None else known.rate))

    def _is_watched(self, now_us: int) -> bool:
        """Tell whether at least half of the stations heard of late send as usual: these are kept waiting."""
        if abs(now_us - self._looked_us) > LOOK_US:
            self._looked_us = now_us
            heard = [each for each in self._stations.values() if now_us - each.heard_us < HEARD_US]
            for each in heard:
                each.refill(self._rate(each.station), now_us)
            self._others_wait = 2 * sum(each.is_calm for each in heard) >= len(heard)
        return self._others_wait
