"""The parts that every device profile has: signals, state tables, golden exchanges.

A profile describes the instrument only: where it hangs and how often it is asked stands in the station file. A number
takes these steps, and the last is `Channel.published`: raw value → `missing`, status → `scale`, `offset` (now in the
signal's `unit`) → `range` → catalogue unit → the channel's adjustment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from quantrac.config.fields import (
    Code,
    Duration,
    Flag,
    Kebab,
    Line,
    Model,
    PositiveDuration,
    Real,
    Snake,
    Span,
    StateWord,
    Whole,
    pair,
    refused,
)
from quantrac.config.frames import HexFrame, TextFrame
from quantrac.telemetry.states import State, worst


class StateTable(Model):
    """What a status word means: codes (one code, one state) or bits (each set bit adds its state, the worst counts).

    In a file a code table is written bare, `{0: ok, 3: fault, other: suspect}`; a bit table names its parts,
    `{bits: {15: fault}, clear: {19: warmup}}`, where `clear` gives the state while a bit is *not* set. Bit 0 is the
    lowest bit of a word, or the first of several discrete inputs.
    """

    codes: dict[Code, StateWord] = Field(default_factory=dict)
    other: StateWord = State.FAULT
    """State of a code that is not listed."""
    bits: dict[Code, StateWord] = Field(default_factory=dict)
    clear: dict[Code, StateWord] = Field(default_factory=dict)

    def state_of(self, word: int) -> State:
        """Return the state of a status word."""
        if self.codes:
            return self.codes.get(word, self.other)
        raised = [state for bit, state in self.bits.items() if word >> bit & 1]
        missing = [state for bit, state in self.clear.items() if not word >> bit & 1]
        return worst([*raised, *missing])


def _bare_codes(value: Any) -> Any:
    if not isinstance(value, dict) or value.keys() & {"codes", "bits", "clear"}:
        return value
    codes = {code: state for code, state in value.items() if code != "other"}
    return {"codes": codes} | ({"other": value["other"]} if "other" in value else {})


AnyStateTable = Annotated[
    StateTable, BeforeValidator(_bare_codes, json_schema_input_type=StateTable | dict[str, StateWord])
]


class Signal(Model):
    """What every protocol's signal has: one number that the instrument can give."""

    parameter: str | None = None
    """Catalogue id; None: the signal's own name is the parameter."""
    unit: str
    """UCUM code of the number after scale and offset."""
    scale: Real = 1.0
    offset: Real = 0.0
    range: Span | None = None
    """What this instrument can measure, in `unit`; a value outside is null with state `range`."""
    missing: tuple[Real, ...] = ()
    """Raw numbers that mean "no value" (32767, -9999): null with state `fault`."""
    resolution: Real | None = Field(default=None, gt=0, exclude=True)
    """The smallest step that the instrument tells, in `unit`; None: see `told_step`. No business of the edge."""
    frozen_after: Whole | None = Field(default=None, ge=2)
    """Identical raw values in a row that make the value `suspect`; None: this signal may stand still."""
    wraps_at: Real | None = None
    """A counter's modulus, in `unit` after scale: it goes on from 0 there. None: a fall means that it was reset."""
    most_a_minute: Real | None = Field(default=None, gt=0)
    """The fastest that a counter can rise, `unit` a minute: a fall is a roll-over only if it takes no faster a rise."""

    @property
    def told_step(self) -> float | None:
        """The smallest step that the instrument tells, in `unit`; None: nobody knows."""
        return self.resolution


def exactly_one(*keys: str) -> Any:
    """Return the validator of a model that must have exactly one of these keys."""

    def check(model: Model) -> Model:
        if sum(getattr(model, key) is not None for key in keys) != 1:
            raise refused(f"exactly one of {', '.join(keys)}")
        return model

    return model_validator(mode="after")(check)


class HexExchange(Model):
    """One request and its answer, as bytes on the wire."""

    ask: HexFrame
    reply: HexFrame


class TextExchange(Model):
    """One request and its answer, with control characters written <STX>, <ETX>, <CR>, <LF>."""

    ask: TextFrame
    reply: TextFrame


class Action(Model):
    """What a person may order an instrument to do: wiper, valve, sampler, relay. Nothing else is ever written."""

    state: StateWord = State.MAINT
    """What the instrument reads meanwhile has this state: `maint` or `cal`."""
    takes_ms: Duration = Field(default=0, alias="takes")
    settle_ms: Duration = Field(default=0, alias="settle")
    """From its end until readings are again what they were."""
    source: str
    verified: Flag

    @model_validator(mode="after")
    def _of_maintenance(self) -> Action:
        if self.state not in (State.MAINT, State.CAL):
            raise refused("state maint or cal")
        return self

    @property
    def hold_ms(self) -> int:
        """For how long readings have its state; 0: it changes none."""
        return self.takes_ms + self.settle_ms

    @property
    def allows(self) -> str:
        """The value that goes with an order, for people; empty: none."""
        return ""

    def refusal(self, value: float | None) -> str:
        """Return what stands against an order with this value; empty: nothing."""
        return "" if value is None else f"found the value {value:g}, it takes none"


GoldenReading = Annotated[
    tuple[Real | None, StateWord], pair("[value or null, state]"), WithJsonSchema({"type": "array"})
]
"""Written `[4.21, ok]`."""


def _single_exchange(schema: dict[str, Any]) -> None:
    """Tell editors that `ask` and `reply` may stand in the place of `exchanges`."""
    schema["properties"] |= {"ask": {"type": "string"}, "reply": {"type": "string"}}
    schema["required"] = [key for key in schema["required"] if key != "exchanges"]


class Golden(Model):
    """Exchanges that the decoder must agree with. `ask` and `reply` alone are a list of one exchange."""

    model_config = ConfigDict(json_schema_extra=_single_exchange)

    origin: Literal["manual", "captured", "computed"] = Field(alias="from")
    note: str = ""
    gives: dict[Snake, GoldenReading]
    """Signal → value in the signal's unit (before conversion to the catalogue's) and state."""

    @model_validator(mode="before")
    @classmethod
    def _single(cls, value: Any) -> Any:
        if isinstance(value, dict) and "exchanges" not in value:
            single = {k: value[k] for k in ("ask", "reply") if k in value}
            return {**{k: v for k, v in value.items() if k not in single}, "exchanges": [single]}
        return value


class HexGolden(Golden):
    """A golden exchange of a binary protocol."""

    exchanges: tuple[HexExchange, ...] = Field(min_length=1)


class TextGolden(Golden):
    """A golden exchange of a protocol of printable characters."""

    exchanges: tuple[TextExchange, ...] = Field(min_length=1)


def _minutes(value: object) -> object:
    """A window is written `[25, 50]`."""
    if not (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(isinstance(minute, int) and 0 <= minute <= 59 for minute in value)
        and value[0] < value[1]
    ):
        raise refused("[first, last], two minutes of the hour 0-59, the first before the last")
    return tuple(value)


MinuteWindow = Annotated[tuple[Whole, Whole], BeforeValidator(_minutes), WithJsonSchema({"type": "array"})]


class DeviceProfile(Model):
    """What every profile has."""

    schema_: Literal["quantrac/device/1"] = Field(alias="schema")
    device: Kebab
    title: str
    source: str
    """Where the numbers come from: manual and page."""
    verified: Flag
    """True once checked against a real instrument."""
    notes: str = ""
    line: Line | None = None
    """Factory setting, for the reader; the station's bus decides."""
    timeout_ms: PositiveDuration = Field(default=1_500, alias="timeout")
    """Longest time from the end of the request to the end of the answer."""
    turnaround_ms: Duration = Field(default=0, alias="turnaround")
    """Silence that the instrument needs between its answer and the next request."""
    poll_minutes: MinuteWindow | None = None
    """Minutes of the hour, first and last, in which the instrument may be asked; None: always."""
    states: dict[Snake, AnyStateTable] = Field(default_factory=dict)

    @property
    def known_actions(self) -> Mapping[str, Action]:
        """What a person may order the instrument to do, by name."""
        return getattr(self, "actions", {})

    @property
    def is_talker(self) -> bool:
        """Whether the instrument sends by itself (`mode: talker`) instead of being asked."""
        return getattr(self, "mode", None) == "talker"

    def tables(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield every table of `states` that the profile names, and where."""
        yield from ()

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, value: Any) -> Any:
        """Spread `defaults` over all signals, key by key."""
        if not isinstance(value, dict) or not isinstance(value.get("defaults"), dict):
            return value
        signals = value.get("signals")
        if not isinstance(signals, dict):
            return value
        spread = {name: spread_over(value["defaults"], signal) for name, signal in signals.items()}
        return {**value, "signals": spread}

    defaults: dict[str, Any] | None = Field(default=None, exclude=True)
    """Keys that every signal has unless it says otherwise."""


def spread_over(defaults: Any, signal: Any) -> Any:
    """Return the signal with what the defaults add; mappings merge key by key, everything else is the signal's own."""
    if not isinstance(signal, dict) or not isinstance(defaults, dict):
        return signal
    own = {key: spread_over(defaults.get(key), value) for key, value in signal.items()}
    return {**{key: value for key, value in defaults.items() if key not in own}, **own}
