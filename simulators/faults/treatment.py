"""The treatment of one exchange by the faults in force: whether, when and with which bytes its answer goes out. Pure.

Everything left to chance is drawn when the request arrives, so that the journal can say what will be damaged before it
is sent.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from simulators.faults.fault import Fault

MOST_NOISE = 4
EIGHTH_BIT = 0x80
BUSY = 6
BYTE_FAULTS = ("garble", "truncate", "noise-before", "noise-after")
SPOILING = ("garble", "truncate", "foreign", "length", "swapped", "hangup")
"""After these the line has not carried the answer as it was made."""


@dataclass(frozen=True)
class Treatment:
    """The treatment of one request. `faults` names the kinds that hit it, in the order they were given."""

    faults: tuple[str, ...] = ()
    mute: bool = False
    wait_s: float = 0.0
    """From the end of the request to the making of the answer."""
    late_s: float = 0.0
    """From the making of the answer to its first byte."""
    gap_s: float = 0.0
    exception: int | None = None
    draw: int = 0
    """Decides which bytes are changed."""

    def hit_by(self, kind: str) -> bool:
        """Whether this exchange suffers a kind of fault."""
        return kind in self.faults

    @property
    def intact(self) -> bool:
        """Whether the answer, when it goes on the line, is there as it was made (perhaps late, or among noise)."""
        return not self.mute and not any(kind in SPOILING for kind in self.faults)

    def damaged(self, frame: bytes, *, text: bool = False) -> bytes:
        """The bytes that go on the line for a frame.

        In a `text` noise always sets the eighth bit, as bytes whose parity does not fit would show it: another digit
        in a protocol without a check could be noticed by nobody.
        """
        chance = random.Random(self.draw)
        for kind in (kind for kind in self.faults if kind in BYTE_FAULTS):
            frame = _damage(kind, frame, EIGHTH_BIT if text else 0, chance)
        return frame

    def pieces(self, wire: bytes) -> list[tuple[float, bytes]]:
        """The bytes and how long after the first one they go on the line: in two parts where a gap was drawn."""
        if self.gap_s <= 0 or len(wire) < 2:
            return [(0.0, wire)]
        middle = len(wire) // 2
        return [(0.0, wire[:middle]), (self.gap_s, wire[middle:])]


def treat(faults: Sequence[Fault], latency_s: float, elapsed_s: float, chance: random.Random) -> Treatment:
    """Draw the treatment of a request that arrives at `elapsed_s` of the script."""
    hit = [fault for fault in faults if fault.share >= 1 or chance.random() < fault.share]
    amounts = {fault.kind: chance.uniform(fault.low, fault.high) for fault in hit}
    dead = "dead" in amounts or "reboot" in amounts
    flapped = any(fault.kind == "flap" and _in_dead_turn(fault, elapsed_s) for fault in hit)
    exception = int(amounts["exception"]) if "exception" in amounts else BUSY if "busy" in amounts else None
    return Treatment(
        faults=tuple(fault.kind for fault in hit),
        mute=dead or flapped,
        wait_s=latency_s + amounts.get("latency", 0.0),
        late_s=amounts.get("late", 0.0),
        gap_s=amounts.get("split", 0.0),
        exception=exception,
        draw=chance.getrandbits(32),
    )


def _in_dead_turn(fault: Fault, elapsed_s: float) -> bool:
    return (elapsed_s - fault.window.began(elapsed_s)) % (2 * fault.low) < fault.low


def _damage(kind: str, frame: bytes, floor: int, chance: random.Random) -> bytes:
    if kind == "truncate":
        return frame[: chance.randrange(1, len(frame))] if len(frame) > 1 else b""
    if kind == "garble":
        place, length = chance.randrange(len(frame)), 1 if floor else chance.choice((1, 2))
        hit = frame[place : place + length]
        changed = bytes(byte ^ (floor | chance.randrange(1, 128 if floor else 256)) for byte in hit)
        return frame[:place] + changed + frame[place + len(hit) :]
    noise = bytes(floor | chance.randrange(128 if floor else 256) for _ in range(chance.randint(1, MOST_NOISE)))
    return noise + frame if kind == "noise-before" else frame + noise
