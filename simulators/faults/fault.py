"""A fault: its kind, its target, its times. Pure.

How they are written: `fault_grammar`. What they do to an answer: `treatment`; to a line: `line_faults`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Literal, get_args

from quantrac.telemetry.errors import QuantracError

FOREVER: Final = float("inf")
ReportedState = Literal["ok", "suspect", "cal", "maint", "warmup", "range", "fault"]
STATES: Final[tuple[str, ...]] = get_args(ReportedState)
MODBUS: Final = ("modbus-rtu", "modbus-tcp")


class FaultError(QuantracError):
    """A fault that cannot be understood, or strikes nobody."""

    exit_code = 2


class Takes(Enum):
    """The value that a kind of fault takes behind the colon."""

    NOTHING = auto()
    SECONDS = auto()
    """A duration, or two with `..` between them: somewhere from the one to the other."""
    SHARE = auto()
    """0 to 1; 1 if it is left out."""
    NUMBER = auto()
    STATE = auto()


Scope = Literal["serial", "network", "modbus", "counter", "probes"]


@dataclass(frozen=True)
class FaultKind:
    """One kind of fault: what it takes, where it can happen, and what it does."""

    takes: Takes
    does: str
    scope: Scope | None = None
    number: str = "2"

    @property
    def sample(self) -> str:
        """An example of the value behind its name."""
        samples = {Takes.NOTHING: "", Takes.SECONDS: ":0.45s", Takes.SHARE: ":0.5", Takes.STATE: ":maint"}
        return samples.get(self.takes, f":{self.number}")


KINDS: Final[dict[str, FaultKind]] = {
    # the answer does not come, or not when it should
    "dead": FaultKind(Takes.NOTHING, "answers nothing"),
    "flap": FaultKind(Takes.SECONDS, "dead and alive in turns of so long"),
    "latency": FaultKind(Takes.SECONDS, "thinks for so much longer, then answers with what it sees then"),
    "late": FaultKind(Takes.SECONDS, "makes its answer at once and sends it so much later"),
    "sleep": FaultKind(Takes.SECONDS, "sleeps when it has heard nothing for so long, and misses what wakes it"),
    "split": FaultKind(Takes.SECONDS, "pauses for so long within each answer"),
    # the answer comes, but not as it was made
    "garble": FaultKind(Takes.SHARE, "one or two bytes of the answer are changed", "serial"),
    "truncate": FaultKind(Takes.SHARE, "the end of the answer is missing"),
    "noise-before": FaultKind(Takes.SHARE, "one to four bytes of noise before the answer", "serial"),
    "noise-after": FaultKind(Takes.SHARE, "one to four bytes of noise behind the answer", "serial"),
    "foreign": FaultKind(Takes.SHARE, "the answer carries another unit's number and a valid check", "modbus"),
    "length": FaultKind(Takes.SHARE, "the answer has one register too few and a valid check", "modbus"),
    "swapped": FaultKind(Takes.NOTHING, "the words of each pair of registers change places", "modbus"),
    # it answers, and refuses
    "exception": FaultKind(Takes.NUMBER, "answers with this Modbus exception", "modbus"),
    "busy": FaultKind(Takes.NOTHING, "answers with exception 6", "modbus"),
    "holes": FaultKind(Takes.NOTHING, "refuses to read across an address it does not have (exception 2)", "modbus"),
    # it answers, and what it says is odd
    "frozen": FaultKind(Takes.NOTHING, "its values and counters stand still"),
    "state": FaultKind(Takes.STATE, "reports this state for all it measures, with the value its manual then says"),
    "clock": FaultKind(Takes.SECONDS, "its own clock is ahead by so much, or behind (-90s)"),
    "drift": FaultKind(Takes.NUMBER, "its own clock gains so many seconds in a second", number="0.01"),
    "counter": FaultKind(Takes.NUMBER, "its counter jumps to this number when the fault begins", "counter", "65530"),
    "reboot": FaultKind(Takes.NOTHING, "silent; afterwards its counter begins at 0"),
    "replaced": FaultKind(
        Takes.NOTHING, "a probe is swapped: its parameters come in another order from then on", "probes"
    ),
    "address": FaultKind(Takes.NUMBER, "answers at this unit number in place of its own", "modbus"),
    # the line itself
    "echo": FaultKind(Takes.NOTHING, "the adapter hears what it sends", "serial"),
    "chatter": FaultKind(Takes.SECONDS, "somebody puts 4 to 40 random bytes on the line once in so long", "serial"),
    "baud": FaultKind(Takes.NUMBER, "bytes crawl at this rate", "serial", "1200"),
    "unplug": FaultKind(Takes.NOTHING, "the adapter or server is gone: no port, no listener"),
    "hangup": FaultKind(Takes.SHARE, "the connection is closed in place of an answer", "network"),
    "half-open": FaultKind(
        Takes.NOTHING, "connections that exist then are never answered again, nor closed", "network"
    ),
    "connections": FaultKind(Takes.NUMBER, "takes so many connections; the next is closed at once", "network"),
}


@dataclass(frozen=True)
class ScriptWindow:
    """A stretch of the script: from `start_s` on for `for_s` seconds, repeated every `every_s` if given."""

    start_s: float = 0.0
    for_s: float = FOREVER
    every_s: float | None = None

    def holds(self, elapsed_s: float) -> bool:
        """Whether the script time `elapsed_s` lies in the stretch."""
        since = elapsed_s - self.start_s
        return since >= 0 and self._since(since) < self.for_s

    def began(self, elapsed_s: float) -> float:
        """Script time at which the stretch around `elapsed_s` began."""
        return elapsed_s - self._since(elapsed_s - self.start_s)

    def _since(self, since: float) -> float:
        return since % self.every_s if self.every_s else since


ALWAYS: Final = ScriptWindow()


@dataclass(frozen=True)
class Fault:
    """One fault. `low` and `high` are the value: seconds, a number, or equal; 1 where the kind takes none."""

    kind: str
    target: tuple[str, ...]
    low: float = 1.0
    high: float = 1.0
    share: float = 1.0
    state: str = "fault"
    window: ScriptWindow = ALWAYS
    text: str = field(default="", compare=False)

    def strikes(self, place: "InstrumentPlace") -> bool:
        """Whether an instrument is meant: the words of the target occur in this order in station, bus, instrument."""
        levels: Sequence[tuple[str, ...]] = ((place.station,), (place.bus,), place.names)
        at = 0
        for word in self.target:
            while at < len(levels) and word not in ("*", *levels[at]):
                at += 1
            if at == len(levels):
                return False
            at += 1
        return True


@dataclass(frozen=True)
class InstrumentPlace:
    """The place of an instrument, and the names by which a fault may call it: name, address, kind."""

    station: str
    bus: str
    names: tuple[str, ...]
    bus_kind: str = "modbus-rtu"
    served: bool = False
    has: frozenset[Scope] = frozenset()
    """What not every instrument has: a counter, probes that can be swapped."""

    def allows(self, scope: Scope | None) -> bool:
        """Whether a fault of this scope can happen here."""
        network = self.served or self.bus_kind == "modbus-tcp"
        return {
            None: True,
            "serial": self.bus_kind != "modbus-tcp",
            "network": network,
            "modbus": self.bus_kind in MODBUS,
            "counter": "counter" in self.has,
            "probes": "probes" in self.has,
        }[scope]

    def __str__(self) -> str:
        return "/".join((self.station, self.bus, self.names[0]))
