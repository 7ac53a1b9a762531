"""An instrument mounted on a bus: its address, its latency, its faults, its journal."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, runtime_checkable

from simulators.buses.journal import Exchange, Journal, ServedValue
from simulators.faults.book import FaultBook
from simulators.faults.fault import Fault, InstrumentPlace
from simulators.faults.treatment import Treatment, treat
from simulators.signals.script import ScriptClock

InstrumentT = TypeVar("InstrumentT")
APART_S = 0.0001
"""Between two answers: timers of the very same moment go off in no order."""


@runtime_checkable
class Counting(Protocol):
    """An instrument with a counter that can be set."""

    def restart(self, count: int, t: float) -> None:
        """The counter stands at `count` at Unix time `t`."""


@runtime_checkable
class Listing(Protocol):
    """An instrument that lists what is plugged into it."""

    def swap_probe(self) -> None:
        """A probe goes to another place: the list changes its order, and the values with it."""


@dataclass
class Mount(Generic[InstrumentT]):
    """One instrument at one address of one bus."""

    bus: str
    address: str
    instrument: InstrumentT
    journal: Journal
    script: ScriptClock = field(default_factory=ScriptClock)
    latency_s: float = 0.02
    sleep_after_s: float | None = None
    place: InstrumentPlace = field(default_factory=lambda: InstrumentPlace("", "", ("",)))
    book: FaultBook = field(default_factory=FaultBook)
    seed: int = 1
    _last_heard: float = float("-inf")
    _begun: dict[str, float] = field(default_factory=dict)
    _rebooting: bool = False
    _free_at: float = 0.0
    _thinks_until: float = 0.0

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.seed}/{self.place}")

    def in_force(self, t: float) -> tuple[Fault, ...]:
        """The faults that strike it at Unix time `t`."""
        return self.book.at(self.place, self.script.elapsed(t))

    def hear(self, t: float) -> bool:
        """Take in that bytes are on the line at `t`; False if the instrument was asleep: it wakes and misses them."""
        naps = [fault.low for fault in self.in_force(t) if fault.kind == "sleep"]
        sleep_s = min(naps) if naps else self.sleep_after_s
        awake = sleep_s is None or t - self._last_heard <= sleep_s
        self._last_heard = t
        return awake

    def asked(self, t: float) -> Treatment:
        """Begin the script if need be, and return how a request that arrives at `t` is treated."""
        self.script.begin(t)
        faults, elapsed = self.in_force(t), self.script.elapsed(t)
        self._change(faults, elapsed, t)
        return treat(faults, self.latency_s, elapsed, self._chance)

    def _change(self, faults: tuple[Fault, ...], elapsed: float, t: float) -> None:
        """Do what a fault causes once, when it begins or ends."""
        instrument: object = self.instrument
        for fault in faults:
            began = round(fault.window.began(elapsed), 3)
            if self._begun.get(fault.kind) == began:
                continue
            self._begun[fault.kind] = began
            if fault.kind == "counter" and isinstance(instrument, Counting):
                instrument.restart(int(fault.low), t)
            elif fault.kind == "replaced" and isinstance(instrument, Listing):
                instrument.swap_probe()
        rebooting = any(fault.kind == "reboot" for fault in faults)
        if self._rebooting and not rebooting and isinstance(instrument, Counting):
            instrument.restart(0, t)
        self._rebooting = rebooting

    def seen(self, t: float) -> float:
        """Return the time by the instrument's clock at `t`: it may be wrong, or its values stand still."""
        elapsed = self.script.elapsed(t)
        for fault in self.in_force(t):
            age = elapsed - fault.window.began(elapsed)
            if fault.kind == "frozen":
                return t - age
            if fault.kind == "clock":
                t += fault.low
            elif fault.kind == "drift":
                t += fault.low * age
        return t

    def unit(self, t: float) -> str:
        """The address at which it answers."""
        moved = [fault for fault in self.in_force(t) if fault.kind == "address"]
        return str(int(moved[-1].low)) if moved else self.address

    def record(self, t: float, served: list[ServedValue], treatment: Treatment) -> None:
        """Write what goes into an answer made at `t` to the journal, and whether the line will carry it unharmed."""
        self.journal.record(
            t, self.bus, self.address, served, treatment.faults, sent=treatment.intact, late_s=treatment.late_s
        )

    def made_at(self, now: float, wait_s: float) -> float:
        """Return when the answer to a request of `now` (loop time) is made: one request after the other."""
        self._thinks_until = max(now, self._thinks_until) + wait_s
        return self._thinks_until

    def send(self, put: Callable[[bytes], None], treatment: Treatment, exchange: Exchange) -> None:
        """Put the answer of an exchange on the line when its time has come; never before an earlier answer."""
        if treatment.faults:
            self.journal.record_exchange(self.bus, self.address, exchange, treatment.faults, treatment.late_s)
        loop = asyncio.get_running_loop()
        start = max(loop.time() + treatment.late_s, self._free_at + APART_S)
        for after_s, piece in treatment.pieces(exchange.wire):
            self._free_at = start + after_s
            loop.call_at(self._free_at, put, piece)

    def keep_silent(self, t: float, request: bytes, treatment: Treatment) -> None:
        """Write down that a request was not answered."""
        self.journal.record_exchange(self.bus, self.address, Exchange(t, request), treatment.faults)
