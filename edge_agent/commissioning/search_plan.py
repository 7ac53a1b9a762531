"""The plan of a line search: which settings and units are tried, in which order, round after round. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

from edge_agent.modbus.request_plan import Function
from quantrac.config.devices import BusKind

COMMON: Final = (
    "9600 8N1", "19200 8E1", "19200 8N1", "9600 8E1", "38400 8N1", "4800 8N1", "115200 8N1", "57600 8N1",
    "38400 8E1", "9600 8N2", "9600 8O1", "19200 8N2", "2400 8N1", "1200 8N1",
)  # fmt: skip
"""Line settings, the most usual first: 9600 8N1 is what most manuals print, 19200 8E1 the default of the Modbus
serial line specification V1.02 (2.5.1)."""
SPEEDS: Final = (9600, 19200, 38400, 4800, 115200, 57600, 2400, 1200)
CHARACTERS: Final = ("8N1", "8E1", "8O1", "8N2")
RARE: Final = tuple(
    line for line in (f"{speed} {character}" for character, speed in product(CHARACTERS, SPEEDS)) if line not in COMMON
)
ASCII_USUAL: Final = ("9600 7E1", "19200 7E1", "9600 8N1")
"""Settings of Modbus ASCII: seven bits and even parity are its default (MODBUS over serial line V1.02, 2.5.2)."""
ASCII_CHARACTERS: Final = ("7E1", "8N1", "7O1", "7N2", "8E1")
ASCII_RARE: Final = tuple(
    line
    for line in (f"{speed} {character}" for character, speed in product(ASCII_CHARACTERS, SPEEDS))
    if line not in ASCII_USUAL
)
TALKING: Final = (*COMMON, "1200 7E1", "4800 7E1", "9600 7E1")
"""Settings under which text is listened for."""
SDI12: Final = ("9600 8N1", "1200 7E1")
SDI12_TOO: Final = (*SDI12, "19200 8N1", "115200 8N1")
"""Settings between the computer and adapters that make SDI-12's own 1200 7E1 and its break by themselves; the last two
are tried from the second round on."""
USUAL_UNITS: Final = (1, 2, 3, 4, 5, 10, 247)
ALL_UNITS: Final = range(1, 248)
ASKED: Final = (Function.HOLDING, Function.INPUT)
"""Each unit is asked twice, for register 0 of both tables: some have only one, and a sleeper wakes by the first."""
FIRST: Final = 2
"""All units are asked under so many settings before the rare settings are tried."""
ANSWER_MS: Final = 120
HASTY_MS, PATIENT_MS = 60, 250
"""For all units in the first round, and for every unit later. What answers later is heard with the units behind it."""
LISTEN_S: Final = 1.2
LISTEN_AGAIN_S: Final = 6.0
"""In later rounds: some send every few seconds only."""


class UnitStep(NamedTuple):
    """Units asked under one setting."""

    kind: BusKind
    """How Modbus is framed."""
    line: str
    """Empty behind a network."""
    units: Sequence[int]
    functions: Sequence[Function] = ASKED
    answer_ms: int = ANSWER_MS
    """Time for an answer beyond what its characters take on the line."""


class TextStep(NamedTuple):
    """Text listened for under one setting, and SDI-12 sensors asked for."""

    line: str
    listen_s: float
    sdi12: bool


Step = UnitStep | TextStep


def steps(lines: Sequence[str], units: Sequence[int] | None, number: int) -> Iterator[Step]:
    """Yield the steps of a round, counted from 0; `lines` empty: all settings, `units` None: the usual, then all.

    Each round asks all other units for one table, the next round for the other.
    """
    common, rare, talking = (lines, (), lines) if lines else (COMMON, RARE, TALKING)
    ascii_usual, ascii_rare = (lines, ()) if lines else (ASCII_USUAL, ASCII_RARE)
    sdi12 = lines or (SDI12_TOO if number else SDI12)
    answer_ms, listen_s = (PATIENT_MS, LISTEN_AGAIN_S) if number else (ANSWER_MS, LISTEN_S)
    once, hasty_ms = (ASKED[number % len(ASKED)],), PATIENT_MS if number else HASTY_MS

    def usual(kind: BusKind, line: str) -> UnitStep:
        return UnitStep(kind, line, units or USUAL_UNITS, ASKED, answer_ms)

    def rest(kind: BusKind, lines: Sequence[str]) -> Sequence[UnitStep]:
        return () if units else [UnitStep(kind, line, others(USUAL_UNITS), once, hasty_ms) for line in lines]

    yield from (usual("modbus-rtu", line) for line in common)
    yield from (TextStep(line, listen_s, line in sdi12) for line in talking)
    yield from (usual("modbus-ascii", line) for line in ascii_usual)
    yield from rest("modbus-rtu", common[:FIRST])
    yield from (usual("modbus-rtu", line) for line in rare)
    yield from (usual("modbus-ascii", line) for line in ascii_rare)
    yield from rest("modbus-rtu", [*common, *rare][FIRST:])
    yield from rest("modbus-ascii", ascii_usual)


def others(units: Sequence[int]) -> list[int]:
    """Return all units but these."""
    return [unit for unit in ALL_UNITS if unit not in units]
