"""Settlement: which messages of the spool are settled, failed, due to be sent again, or given up (docs/wire.md). Pure.

Times named ``*_s`` are seconds of a clock that only goes forward; the wall clock enters only as the age of an ack.

When has a send failed? An ack that is newer than the broker's PUBACK and does not settle the message is not enough: a
broker that holds a long queue for ingest has acknowledged messages that ingest will still receive, and if every edge
sent those again the queue would grow faster than it is read. So the ack must also have overtaken the message, that is,
settle something that was first published after the message's PUBACK (a station's messages keep their order), or the
edge must have published nothing for a minute. See docs/decisions/0051.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from edge_agent.spooling.fate import EpochSpan
from edge_agent.spooling.ranges import Range, RangeSet
from quantrac.telemetry.wire import Ack, Settled

RESEND_AFTER_S: Final = 60.0
"""A message is not published again sooner than this after its last publish."""
MOST_FAILURES: Final = 5
"""Failed sends after which a message is given up."""
MOST_MISSING: Final = 200
"""Ranges an ack can name; a full list leaves open what lies above its `upto`."""
GRAIN_S: Final = 10.0
"""Neighbours published within this time are remembered as one send."""
MOST_SENDS: Final = 5000
"""Sends remembered singly; above this, older ones are merged across longer times."""


class AckedPlaces(NamedTuple):
    """An ack, read as places of the spool."""

    settled: RangeSet
    unsaid: RangeSet
    """Places that the ack leaves open, because its list was full."""
    beyond: bool
    """The centre has settled more of the current epoch than the spool ever held."""


def read_ack(ack: Ack, spans: Sequence[EpochSpan]) -> AckedPlaces:
    """Translate an ack, the last of `spans` being the current epoch. One that it does not name has nothing settled."""
    settled, unsaid, beyond = RangeSet(), RangeSet(), False
    for span in spans:
        said = ack.epochs.get(span.name, Settled(upto=0))
        upto = min(said.upto, span.last)
        beyond = span is spans[-1] and said.upto > span.last
        settled.add(span.base + 1, span.base + upto)
        for lo, hi in said.missing:
            settled.remove(span.base + max(1, lo), span.base + min(hi, upto))
        if len(said.missing) >= MOST_MISSING:
            unsaid.add(span.base + upto + 1, span.base + span.last)
    return AckedPlaces(settled, unsaid, beyond)


@dataclass(slots=True)
class Send:
    """Neighbouring messages that were published at about the same time."""

    lo: int
    hi: int
    failures: int
    first_published_s: float
    published_s: float
    delivered_s: float | None = None
    """When the last PUBACK came; None while one is awaited."""
    due_s: float | None = None
    """When it may be published again; None while its fate is open."""


class AckEffect(NamedTuple):
    """The changes that an ack made."""

    settled: int
    reverted: int
    failed: int
    refused: list[Range]


class Settlement:
    """The fate of every place, and what is to be published next.

    `settled`, `refused` and `lost` are the spool's own sets and are changed in place.
    """

    def __init__(self, settled: RangeSet, refused: RangeSet, lost: RangeSet, *, last: int) -> None:
        self.settled, self.refused, self.lost = settled, refused, lost
        self._known_before = last
        """Up to here an earlier run of the agent may have published."""
        self._sends: list[Send] = []
        self._covered_s = float("-inf")
        self._newest_s = float("-inf")
        self._grain_s = GRAIN_S
        self._idle_below = 0
        self._idle_until_s = float("-inf")

    def publish(self, part: Range, now_s: float) -> None:
        """Note that `part`, a result of `next_due` or a new message, is being published."""
        old = self._take(part)
        failures = max((send.failures for send in old), default=0)
        first_s = min((send.first_published_s for send in old), default=now_s)
        self._insert(Send(part.lo, part.hi, failures, first_s, now_s))
        self._newest_s = now_s

    def deliver(self, part: Range, now_s: float) -> None:
        """Note that the broker has acknowledged `part` and had a subscriber for it."""
        for send in self._take(part):
            self._insert(replace(send, delivered_s=now_s, due_s=None))
        self._merge_around(part)

    def withdraw(self, part: Range, due_s: float) -> None:
        """Note that the publish of `part` did not arrive; it may be repeated from `due_s` on and is no failure."""
        for send in self._take(part):
            self._insert(replace(send, delivered_s=None, due_s=due_s))
        self.look_again()

    def refuse(self, part: Range) -> None:
        """Give `part` up for good."""
        self._take(part)
        for open_part in self.settled.gaps(*part):
            self.refused.add(*open_part)

    def forget(self, part: Range) -> None:
        """Forget `part`: it has been dropped from the spool, or is of no more concern."""
        self._take(part)

    def obey(self, answer: AckedPlaces, *, age_s: float, now_s: float) -> AckEffect:
        """Take an ack, also one that goes back.

        `age_s`: how long ago, by the edge's wall clock, ingest received the newest message the ack covers; a negative
        age (the clocks differ) counts as 0.
        """
        fresh = answer.settled.minus(self.settled)
        reverted = self.settled.minus(answer.settled)
        self.settled.assign(answer.settled)
        for part in answer.settled:
            for send in self._take(part):
                if send.lo > self._known_before:
                    self._covered_s = max(self._covered_s, send.first_published_s)
        failed, refused = self._judge(answer.unsaid, now_s - max(0.0, age_s), now_s)
        if reverted or failed:
            self.look_again()
        return AckEffect(fresh.count(), reverted.count(), failed, refused)

    def next_due(self, first: int, last: int, queued: RangeSet, now_s: float) -> Range | None:
        """Return the oldest neighbouring places that are to be published now, or None.

        `queued`: places that already wait to be published. All of a result share one history of failures.
        """
        start = max(first, self._idle_below if now_s < self._idle_until_s else first)
        n, wake_s = start, self._idle_until_s if start > first else float("inf")
        sets = (self.settled, self.refused, self.lost, queued)
        while n <= last:
            if (taken := _first_holding(sets, n)) is not None:
                n = taken.hi + 1
            elif (send := self._at(n)) is not None and (send.due_s is None or send.due_s > now_s):
                wake_s = min(wake_s, send.due_s or float("inf"))
                n = send.hi + 1
            else:
                ends = [send.hi if send else self._before_next_send(n, last)]
                ends += [following - 1 for s in sets if (following := s.next_from(n)) is not None]
                return Range(n, min(last, *ends))
        self._idle_below, self._idle_until_s = max(first, last + 1), wake_s
        return None

    def look_again(self) -> None:
        """Let `next_due` begin from the oldest place: something may be due that was not."""
        self._idle_below, self._idle_until_s = 0, float("-inf")

    def remembered(self) -> int:
        """Return how many sends are remembered."""
        return len(self._sends)

    def _judge(self, unsaid: RangeSet, ack_s: float, now_s: float) -> tuple[int, list[Range]]:
        quiet = now_s - self._newest_s >= RESEND_AFTER_S
        failed, refused = 0, []
        for send in [*self._sends]:
            at = send.delivered_s
            if at is None or at >= ack_s or not (quiet or at < self._covered_s) or unsaid.within(send.lo, send.hi):
                continue
            failed += send.hi - send.lo + 1
            send.failures += 1
            send.delivered_s, send.due_s = None, send.published_s + RESEND_AFTER_S
            if send.failures >= MOST_FAILURES:
                part = Range(send.lo, send.hi)
                self.refuse(part)
                refused.append(part)
        return failed, refused

    def _at(self, n: int) -> Send | None:
        i = bisect_left(self._sends, n, key=_hi)
        return self._sends[i] if i < len(self._sends) and self._sends[i].lo <= n else None

    def _before_next_send(self, n: int, last: int) -> int:
        i = bisect_left(self._sends, n, key=_hi)
        return self._sends[i].lo - 1 if i < len(self._sends) else last

    def _insert(self, send: Send) -> None:
        self._sends.insert(bisect_left(self._sends, send.lo, key=_hi), send)

    def _take(self, part: Range) -> list[Send]:
        """Take the sends of `part` out, cut at its borders."""
        start = bisect_left(self._sends, part.lo, key=_hi)
        end = start
        kept: list[Send] = []
        taken: list[Send] = []
        while end < len(self._sends) and self._sends[end].lo <= part.hi:
            send = self._sends[end]
            if send.lo < part.lo:
                kept.append(replace(send, hi=part.lo - 1))
            if send.hi > part.hi:
                kept.append(replace(send, lo=part.hi + 1))
            taken.append(replace(send, lo=max(send.lo, part.lo), hi=min(send.hi, part.hi)))
            end += 1
        self._sends[start:end] = kept
        return taken

    def _merge_around(self, part: Range) -> None:
        self._merge(
            max(0, bisect_left(self._sends, part.lo, key=_hi) - 1), bisect_left(self._sends, part.hi, key=_hi) + 1
        )
        while len(self._sends) > MOST_SENDS and self._grain_s < 1e6:
            self._grain_s *= 2
            self._merge(0, len(self._sends) - 1)

    def _merge(self, start: int, end: int) -> None:
        """Merge what may be merged of the sends `start` to `end`."""
        merged: list[Send] = []
        for send in self._sends[start : end + 1]:
            if merged and _mergeable(merged[-1], send, self._grain_s):
                before = merged[-1]
                before.hi = send.hi
                before.first_published_s = min(before.first_published_s, send.first_published_s)
                before.published_s = max(before.published_s, send.published_s)
                before.delivered_s = max(before.delivered_s or 0.0, send.delivered_s or 0.0)
            else:
                merged.append(send)
        self._sends[start : end + 1] = merged


def _mergeable(before: Send, after: Send, grain_s: float) -> bool:
    if before.delivered_s is None or after.delivered_s is None:
        return False
    return (
        before.hi + 1 == after.lo
        and before.failures == after.failures
        and abs(after.published_s - before.first_published_s) < grain_s
        and abs(before.published_s - after.first_published_s) < grain_s
    )


def _first_holding(sets: Iterable[RangeSet], n: int) -> Range | None:
    return next((found for s in sets if (found := s.at(n)) is not None), None)


def _hi(send: Send) -> int:
    return send.hi
