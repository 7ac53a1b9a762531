"""How good models are that the product trains on stations with experts' flags. Nothing is started.

`quantrac.quality.taught_models` as `quantrac quality train` runs it, on the files that `./dev bench quality` reads: for
each station the score of a model that has not seen it, and of models that have seen what came before, beside our tests
together. Without the extra `training` this says so.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.quality_scores import FlaggedSonde, channel_tests, printed, read
from quantrac.quality.device_tests import DEVICE_TESTS
from quantrac.quality.features import NAMES, matrix
from quantrac.quality.model_file import ChannelScores
from quantrac.quality.series import Mask
from quantrac.quality.taught_models import TaughtChannel, Trained, train
from quantrac.quality.trained import trained
from quantrac.quality.trees import TrainedModel
from quantrac.telemetry.quality import Quality

PARAMETERS = ("turbidity", "ec", "ph")
MOST_FALSE = 0.01
LEAST_REJECTED = 20


def run(folder: Path | None) -> Iterable[str]:
    """Give the scores of each station and parameter."""
    if folder is None:
        yield "name a folder of flagged CSV files: ./dev bench boosting --data FOLDER"
        return
    if importlib.util.find_spec("sklearn") is None:
        yield "scikit-learn is not installed: pip install 'quantrac[training]'"
        return
    sondes = [sonde for path in sorted(folder.rglob("*.csv*")) if (sonde := read(path)) is not None]
    for parameter in PARAMETERS:
        known = [(sonde, one) for sonde in sondes if (one := taught(sonde, parameter)) is not None]
        if len(known) < 2:
            yield f"{folder}: found {len(known)} stations with flags on {parameter}, expected two at least"
            continue
        yield from _of_parameter(parameter, known)


def taught(sonde: FlaggedSonde, parameter: str) -> TaughtChannel | None:
    """Return what experts say of a parameter; None where they reject next to nothing."""
    if parameter not in sonde.rejected:
        return None
    value = sonde.series.values[parameter]
    there = ~np.isnan(value)
    bad = sonde.rejected[parameter] & there
    if np.count_nonzero(bad) < LEAST_REJECTED:
        return None
    features, ours = matrix(sonde.series, parameter), _blamed(sonde, parameter)
    return TaughtChannel(
        sonde.name, f"{sonde.name}/{parameter}", parameter, sonde.series.time_us, features, bad, ours
    ).pick(there)


def _blamed(sonde: FlaggedSonde, parameter: str) -> Mask:
    blamed = np.zeros(len(sonde.series), np.bool_)
    for found in channel_tests(sonde.series, parameter).values():
        blamed |= found
    for test in DEVICE_TESTS.values():
        if test.serves(frozenset(sonde.series.values)):
            for evidence in test.judge(sonde.series):
                if evidence.parameter == parameter:
                    blamed |= evidence.flag >= Quality.SUSPECT
    return blamed


def _of_parameter(parameter: str, known: list[tuple[FlaggedSonde, TaughtChannel]]) -> Iterator[str]:
    from quantrac.quality.boosted_trees import NAME, boosted

    start = time.perf_counter()
    found = train([one for _, one in known], boosted, MOST_FALSE)
    yield f"{parameter}, by {NAME}, trained and scored in {time.perf_counter() - start:.0f} s"
    for own in found.scores:
        yield from _scores(own)
    yield f"  judging: {_speed(known[0][0], parameter, found):,.0f} readings/s with {len(found.trees.trees)} trees"


def _scores(own: ChannelScores) -> Iterator[str]:
    yield f"{own.channel}: {own.bad} of {own.good + own.bad} rejected"
    for way, side in (("unseen", own.unseen), ("later", own.later)):
        if side is None:
            yield f"  {way}: nothing to score it on"
            continue
        for title, score in (("our tests", side.ours), ("model", side.model), ("both", side.both)):
            yield f"  {way}, {title}: {printed(score)}"
    yield f"  {own.why_off() or 'judges here'}"


def _speed(sonde: FlaggedSonde, parameter: str, found: Trained) -> float:
    """Return the readings of all parameters that a second of judging one of them takes in."""
    model = TrainedModel(NAMES, found.trees, 0.5)
    series = replace(sonde.series, models={parameter: model})
    start = time.process_time()
    trained(series)
    return len(series) * len(series.values) / (time.process_time() - start)
