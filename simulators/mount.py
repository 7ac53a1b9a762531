"""An instrument mounted on a bus: its address, how fast it answers, how it misbehaves, where its journal goes."""

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from simulators.journal import Journal, Served

Mishap = Literal["silent", "late", "garbled", "busy"]
InstrumentT = TypeVar("InstrumentT")


class ScriptClock:
    """The time of a station's script: it starts when the station is read for the first time."""

    def __init__(self) -> None:
        self.started: float | None = None

    def begin(self, t: float) -> None:
        """Start at `t` (Unix seconds) unless already started."""
        if self.started is None:
            self.started = t

    def elapsed(self, t: float) -> float:
        """Seconds of script at `t`; negative infinity before the start."""
        return float("-inf") if self.started is None else t - self.started


@dataclass(frozen=True)
class Window:
    """A stretch of the script: from `start_s` on for `for_s` seconds, repeated every `every_s` if given."""

    start_s: float
    for_s: float
    every_s: float | None = None

    def holds(self, elapsed_s: float) -> bool:
        """Whether the script time `elapsed_s` lies in the stretch."""
        since = elapsed_s - self.start_s
        if since < 0:
            return False
        return (since % self.every_s if self.every_s else since) < self.for_s


@dataclass
class Mount(Generic[InstrumentT]):
    """One instrument at one address of one bus."""

    bus: str
    address: str
    instrument: InstrumentT
    journal: Journal
    script: ScriptClock = field(default_factory=ScriptClock)
    latency_s: float = 0.02
    late_s: float = 1.0
    mishaps: list[tuple[Mishap, Window]] = field(default_factory=list)
    sleep_after_s: float | None = None
    _last_heard: float = float("-inf")

    def hear(self, t: float) -> bool:
        """Something is on the line at `t`. False if the instrument was asleep: it wakes, and misses what was said."""
        awake = self.sleep_after_s is None or t - self._last_heard <= self.sleep_after_s
        self._last_heard = t
        return awake

    def mishap(self, t: float) -> Mishap | None:
        """Begin the script if need be, and return what goes wrong with a request that arrives at `t`."""
        self.script.begin(t)
        elapsed = self.script.elapsed(t)
        return next((kind for kind, window in self.mishaps if window.holds(elapsed)), None)

    def delay_s(self, mishap: Mishap | None) -> float:
        """Seconds from the end of a request to the start of its reply."""
        return self.latency_s + (self.late_s if mishap == "late" else 0.0)

    def record(self, t: float, served: list[Served], mishap: Mishap | None = None) -> None:
        """Write what goes into a reply at `t` to the journal; a late or garbled reply is marked as of no use."""
        self.journal.record(t, self.bus, self.address, served, mishap if mishap in ("late", "garbled") else None)


def garble(frame: bytes) -> bytes:
    """The frame with one byte in its middle damaged, as noise on the line does; every checksum notices."""
    middle = len(frame) // 2
    return frame[:middle] + bytes([frame[middle] ^ 0x15]) + frame[middle + 1 :]
