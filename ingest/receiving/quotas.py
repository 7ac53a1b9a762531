"""Quotas: how much of ingest a station may use. Excess is put off or dropped, and always counted. Pure.

The measure of a station is what its channels can make. A station that breaks a quota is broken or stolen, or the
network has grown into it: then the operator raises it (`quotas` of network.yaml).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from ingest.books.breach import STRANGERS, Breach, breaches_of
from ingest.books.dead_letter import DeadLetter
from quantrac.telemetry.breaches import BreachKind

DAY_S: Final = 86_400
DAY_MS: Final = DAY_S * 1000
LETTERS_AT_ONCE: Final = 1000
"""Dead letters of a station that are kept at once; then as many as its channels make messages."""
LETTER_BYTES_AT_ONCE: Final = 8 * 1024 * 1024
BYTES_A_LETTER: Final = 2048
"""Of a dead letter that follows, on the average."""
LEAST_PICTURE: Final = 4096
"""A picture costs the database as much as one of so many bytes, however small it is."""
LEAST_RATE: Final = 0.1
"""Of any station, and of those that no file names together, messages a second."""


@dataclass(frozen=True, slots=True)
class QuotasInForce:
    """Quotas of network.yaml, as they were applied."""

    oldest_ms: int = 400 * DAY_MS
    """How old a reading may be when it comes, milliseconds: each week further back is a chunk more."""
    epochs: int = 200
    """How many epochs a station may have in the books."""
    times: float = 20.0
    """A station may send so many times what its channels can make, while others wait."""
    pictures_mb: float = 500.0
    """Pictures of a station that are stored, megabytes a day; so much at once, too."""
    unheard: int = 2000
    """With at most so many stations one that floods is unheard: each change subscribes to all the others."""


@dataclass(slots=True)
class Bucket:
    """Tokens that are spent and come again at a rate, up to a most."""

    most: float
    level: float
    at_us: int = 0
    """Of the last look, microseconds since 1970."""

    @classmethod
    def full(cls, most: float) -> Bucket:
        """Return a full bucket."""
        return cls(most, most)

    def refill(self, a_second: float, now_us: int) -> None:
        """Add tokens for the time since the last call; a clock that steps back adds none."""
        self.level = min(self.most, self.level + max(0, now_us - self.at_us) / 1e6 * a_second)
        self.at_us = now_us


@dataclass(slots=True)
class _LettersOf:
    number: Bucket = field(default_factory=lambda: Bucket.full(LETTERS_AT_ONCE))
    bytes: Bucket = field(default_factory=lambda: Bucket.full(LETTER_BYTES_AT_ONCE))

    def admit(self, letter: DeadLetter, rate: float) -> bool:
        kept = len(letter.kept)
        self.number.refill(rate, letter.received_us)
        self.bytes.refill(rate * BYTES_A_LETTER, letter.received_us)
        if self.number.level < 1 or self.bytes.level < kept:
            return False
        self.number.level -= 1
        self.bytes.level -= kept
        return True


class LetterQuota:
    """Decides which dead letters of a station are kept. One that only counts an earlier one again always is."""

    def __init__(self) -> None:
        self._stations: dict[str, _LettersOf] = {}
        self._before: dict[str, _LettersOf] = {}
        """Of the stations whose letters the present block has admitted."""

    @contextlib.contextmanager
    def charged_if_stored(self) -> Iterator[None]:
        """Charge what the block admits only when it ends well: its transaction may fail, and the letters come again."""
        self._before = {}
        try:
            yield
        except BaseException:
            self._stations |= self._before
            raise

    def admit(self, letter: DeadLetter, rates: dict[str, float]) -> bool:
        """Tell whether a letter is kept; `rates` are the messages a second of the stations that files name."""
        if letter.recurs:
            return True
        station = letter.station if letter.station in rates else STRANGERS
        of_station = self._stations.setdefault(station, _LettersOf())
        if station not in self._before:
            self._before[station] = deepcopy(of_station)
        return of_station.admit(letter, max(LEAST_RATE, rates.get(station, 0.0)))


class PictureQuota:
    """Decides which pictures of a station are stored."""

    def __init__(self) -> None:
        self._stations: dict[str, Bucket] = {}

    def admit(self, station: str, size: int, received_us: int, most_mb: float) -> bool:
        """Tell whether a picture of so many bytes may be stored, of at most so many megabytes a day."""
        most = most_mb * 1e6
        bucket = self._stations.setdefault(station, Bucket.full(most))
        bucket.most = most
        bucket.refill(most / DAY_S, received_us)
        return bucket.level >= max(size, LEAST_PICTURE)

    def spend(self, station: str, size: int) -> None:
        """Charge a picture that was admitted and is stored now."""
        self._stations[station].level -= max(size, LEAST_PICTURE)


def letters_beyond(letters: Sequence[DeadLetter], known: dict[str, float]) -> list[Breach]:
    """Return the breaches for dropped letters; stations that no file names count together as one."""
    return breaches_of(
        BreachKind.DEAD_LETTERS,
        (
            (
                each.station if each.station in known else STRANGERS,
                each.received_us,
                each.size,
                f"{each.reason}: {each.found}",
            )
            for each in letters
        ),
    )
