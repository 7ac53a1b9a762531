"""What six stations measure in the soak of the ministry's files, and the files that must come of it.

Everything follows from a seed, hour by hour, so nothing of a month is held. The files are made from what the text of
the circular says, by `tests.unit.reports.circular`; symbols, units and digits stand here once more: nothing of ours is
asked.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Final, NamedTuple

from tests.unit.reports import circular

VIETNAM: Final = timezone(timedelta(hours=7))
BEGIN: Final = datetime(2026, 9, 30, 17, 0, tzinfo=UTC)
"""Midnight of 1 October in Vietnam."""
SLOT: Final = 5
HOUR: Final = 60
CODES: Final = {
    "st-my-thanh": "ST_STMT_NUO001", "st-tran-de": "ST_STTD_NUO002", "st-dai-ngai": "ST_STDN_NUO003",
    "st-vinh-chau": "ST_STVC_NUO004", "st-cu-lao-dung": "ST_STCL_NUO005", "st-tp-soc-trang": "ST_STST_KHI001",
}  # fmt: skip
WATER: Final = (
    ("water_temp", "Temp", "oC", 2),
    ("ph", "pH", "-", 2),
    ("do", "DO", "mg/l", 2),
    ("turbidity", "TUR", "NTU", 1),
)
AIR: Final = (
    ("so2", "SO2", "µg/m3", 1),
    ("co", "CO", "µg/m3", 0),
    ("pm2_5", "PM2,5", "µg/m3", 1),
    ("rain", "RAIN", "mm", 2),
)
"""Channel, symbol, unit and digits, in the order of a station's lines. Rain is a sum, the others are means."""


class Minute(NamedTuple):
    """A reading: minutes since BEGIN, value as written, state."""

    minute: int
    value: str | None
    state: str


@dataclass(slots=True)
class Edits:
    """What people did: verdicts `fail`, and amounts added, by channel, from a minute to a minute."""

    failed: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    added: dict[str, list[tuple[int, int, Fraction]]] = field(default_factory=lambda: defaultdict(list))


def lines_of(station: str) -> tuple[tuple[str, str, str, int], ...]:
    """Return a station's channels as its files have them."""
    return AIR if station == "st-tp-soc-trang" else WATER


def hour_of(seed: int, channel: str, hour: int) -> tuple[str, list[Minute]]:
    """Return what a channel measures in an hour, and of which kind the hour is; minutes may be missing."""
    chance = random.Random(f"{seed}/{channel}/{hour}")
    kind = chance.choices(["ok", "gaps", "cal", "fault", "comm", "none"], [80, 8, 3, 4, 3, 2])[0]
    low, high = sorted(chance.sample(range(HOUR + 1), 2))
    found = []
    for minute in range(HOUR):
        value: str | None = f"{chance.uniform(0, 30):.2f}"
        state, is_in = "ok", low <= minute < high
        if kind == "none" or (kind == "gaps" and chance.random() < 0.3):
            continue
        if kind in ("cal", "fault") and is_in:
            state = chance.choice(["cal", "maint"]) if kind == "cal" else chance.choice(["fault", "range", "warmup"])
        elif kind == "comm" and is_in:
            value, state = None, "comm"
        elif chance.random() < 0.05:
            state = "suspect"
        found.append(Minute(hour * HOUR + minute + 1, value, state))
    return kind, found


def quality_of(reading: Minute) -> int:
    """Return the quality that a reading has by its state."""
    return {"ok": 1, "suspect": 3, "comm": 9}.get(reading.state, 4)


def files(seed: int, station: str, hours: int, edits: Edits) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of each file that a receiver must have in the end."""
    for hour in range(hours):
        slots: dict[int, list[bytes]] = defaultdict(list)
        for name, symbol, unit, decimals in lines_of(station):
            channel = f"{station}/{name}"
            for end, found in _figures(hour_of(seed, channel, hour)[1], channel, edits, is_sum=name == "rain").items():
                value = circular.half_up(found[0], decimals)
                slots[end].append(circular.line(symbol, value, unit, stamp_of(end), found[1]))
        for end, lines in sorted(slots.items()):
            yield path_of(station, end), b"".join(lines)


def stamp_of(end: int) -> str:
    """Return how a file writes the minute at which its slot ends."""
    return (BEGIN + timedelta(minutes=end)).astimezone(VIETNAM).strftime("%Y%m%d%H%M%S")


def path_of(station: str, end: int) -> str:
    """Return where the file of a slot stands: `code/yyyy/MM/dd/code_time.txt`."""
    code, stamp = CODES[station], stamp_of(end)
    return f"{code}/{stamp[:4]}/{stamp[4:6]}/{stamp[6:8]}/{code}_{stamp}.txt"


def _figures(readings: list[Minute], channel: str, edits: Edits, *, is_sum: bool) -> dict[int, tuple[Fraction, str]]:
    slots: dict[int, list[circular.Written]] = defaultdict(list)
    for one in readings:
        quality, value = quality_of(one), one.value
        if any(low <= one.minute <= high for low, high in edits.failed.get(channel, ())):
            quality = 4
        for low, high, amount in edits.added.get(channel, ()):
            if low <= one.minute <= high and value is not None:
                value = circular.half_up(Fraction(value) + amount, 2)
        slots[-(-one.minute // SLOT) * SLOT].append((one.minute, value, one.state, quality))
    figures = {}
    for end, written in slots.items():
        found = circular.value_and_status(written, SLOT)
        if found is not None:
            count = sum(1 for _, value, state, quality in written if _counts(found[1], value, state, quality))
            figures[end] = (found[0] * count if is_sum else found[0], found[1])
    return figures


def _counts(status: str, value: str | None, state: str, quality: int) -> bool:
    """Tell whether a reading is one of those that made a figure of that status."""
    if value is None:
        return False
    return quality in (1, 2, 3) if status == "00" else circular.SENT_AS.get(state) == status
