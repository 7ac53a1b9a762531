"""To what ingest is subscribed at the broker, so that it does not hear who floods for a while. Pure.

What a flood brings to the broker waits there for ingest, and whatever its neighbours send waits behind it, however
cheaply ingest puts it off. So for the rest of its spell ingest subscribes to all the other stations one by one instead
of to everybody. The broker answers a station that nobody hears that nobody is subscribed, and it sends again later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from ingest.books.breach import STRANGERS, Breach
from ingest.receiving.flood import Spell
from ingest.receiving.registry import Registry
from quantrac.mqtt.terms import Retained, Subscription, Subscriptions
from quantrac.telemetry import topics
from quantrac.telemetry.breaches import BreachKind
from quantrac.telemetry.topics import TopicKind

KINDS: Final[tuple[TopicKind, ...]] = ("readings", "backfill", "birth", "status")
"""What is received of every station, configured or not."""
EVERYBODY: Final = tuple(Subscription(topics.subscription(kind)) for kind in KINDS)


def subscriptions(
    stations: Collection[str], unheard: Collection[str], unheard_before: Collection[str] = ()
) -> Subscriptions:
    """Return what to subscribe to, and what of before is to end, so that `unheard` are the only ones not heard.

    `stations` are the configured ones; what another worker of ingest left in the session ends, too. Where somebody was
    `unheard_before`, the session has a topic of each station that was heard: only of the others the retained reports
    come.
    """
    if not unheard:
        return Subscriptions(EVERYBODY, [topic for station in stations for topic in _topics(station)])
    heard = [topic for station in stations if station not in unheard for topic in _topics(station)]
    ended = [topic for station in unheard if station != STRANGERS for topic in _topics(station)]
    retained = Retained.IF_NEW if unheard_before else Retained.NEVER
    return Subscriptions(
        [Subscription(topic, retained=retained) for topic in heard], [each.topic for each in EVERYBODY] + ended
    )


class Hearing:
    """Remembers who is not heard now, and notices when that changes."""

    def __init__(self) -> None:
        self._registry: Registry | None = None
        self._unheard: Mapping[str, Spell] = {}

    def look(self, registry: Registry, unheard: Mapping[str, Spell]) -> tuple[Subscriptions | None, list[Breach]]:
        """Return other subscriptions where they are due, and who is not heard from now on.

        `unheard` are the stations not to be heard now, each with its spell.
        """
        is_small = registry.quotas is not None and len(registry.stations) <= registry.quotas.unheard
        unheard = unheard if is_small else {}
        changed = unheard.keys() != self._unheard.keys() or (registry is not self._registry and unheard)
        begun = [
            Breach(station, BreachKind.UNHEARD, spell.began_us, spell.began_us, detail=f"for {spell.lasts_s:.0f} s")
            for station, spell in unheard.items()
            if spell != self._unheard.get(station)
        ]
        due = changed or self._registry is None
        wanted = subscriptions(registry.stations, unheard, self._unheard) if due else None
        self._registry, self._unheard = registry, unheard
        return wanted, begun


def _topics(station: str) -> list[str]:
    return [topics.topic(station, kind) for kind in KINDS]
