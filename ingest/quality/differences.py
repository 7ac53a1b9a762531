"""Where the verdicts of a test differ from the flags that stand: what has to be added."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.books.arrivals import moment
from ingest.quality.readings import Flags, Floats, Mask
from ingest.quality.tables import LoadedBlock, NewFlag
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.words import Words


@dataclass(frozen=True, slots=True)
class BlamedReadings:
    """Readings of windows that a test blames, and what it says of them."""

    test: str
    window: npt.NDArray[np.int32]
    time_us: npt.NDArray[np.int64]
    flag: Flags
    score: Floats
    found: Callable[[int], Words]
    """What the finding on one of them says, by its place."""
    withdrawn: Words


def differences(
    block: LoadedBlock, blamed: BlamedReadings, has_test: Mask, station: Callable[[int], str]
) -> Iterator[NewFlag]:
    """Yield new flags where a test blames what stands as good or otherwise, and withdrawals where it blames no more.

    Args:
        block: the windows, with the flags that stand.
        blamed: what the test blames in them.
        has_test: whether the channel of each window has the test.
        station: of a window, by its number.
    """
    of, standing = block.windows, block.standing[blamed.test]
    keys = zip(blamed.window.tolist(), blamed.time_us.tolist(), strict=True)
    places = {key: place for place, key in enumerate(keys)}
    for key in sorted(places.keys() | standing.keys()):
        window, time_us = key
        place = places.get(key)
        flag = Quality.GOOD if place is None else Quality(int(blamed.flag[place]))
        is_judged = has_test[window] and of.judge_from[window] <= time_us <= of.judge_to[window]
        if is_judged and flag != standing.get(key, Quality.GOOD):
            score = None if place is None else float(blamed.score[place])
            words = blamed.withdrawn if place is None else blamed.found(place)
            channel_id = int(of.channel_id[window])
            yield NewFlag(station(window), blamed.test, channel_id, moment(time_us), flag, score, words)
