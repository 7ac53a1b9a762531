"""Tides (`tides` of network.yaml): harmonic constants, and the stations they hold for."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field, WithJsonSchema, model_validator

from quantrac.config.fields import AS_WORD, Model, Real, pair, refused, word_of

ConstituentName = Literal["M2", "S2", "N2", "K2", "K1", "O1", "P1", "Q1", "SA"]


class TidePhase(IntEnum):
    """Where the tide stands. Slack lasts a quarter of the way from one extreme to the next, before and behind it."""

    HIGH = 0
    FALLING = 1
    LOW = 2
    RISING = 3


TidePhaseWord = Annotated[TidePhase, word_of(*TidePhase), AS_WORD]
TIDE_PHASES: Final = tuple(TidePhase)


class Constituent(NamedTuple):
    """One harmonic constituent."""

    amplitude: Annotated[Real, Field(gt=0)]
    """m."""
    lag: Annotated[Real, Field(ge=0, lt=360)]
    """Phase against Greenwich, degrees."""


AnyConstituent = Annotated[
    Constituent,
    pair("[amplitude in m, phase lag against Greenwich in degrees]"),
    WithJsonSchema({"type": "array", "items": {"type": "number"}}),
]


class PlaceTide(Model):
    """The tide of a place, as a sum of harmonic constituents."""

    stations: tuple[str, ...] = Field(min_length=1)
    constituents: dict[ConstituentName, AnyConstituent] = Field(min_length=1)
    source: str

    @model_validator(mode="after")
    def _ebbs(self) -> PlaceTide:
        if not {"M2", "K1", "O1"} & set(self.constituents):
            raise refused("a tide with one of M2, K1 and O1: without them there is no high and low water")
        return self
