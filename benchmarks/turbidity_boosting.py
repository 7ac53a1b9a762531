"""Whether gradient boosting sees more of what experts reject of turbidity than our tests do. Nothing is started.

Trained on all stations of a folder but one, and scored on that one, so that none is scored by what it has taught; and
on the first half of a station's record, scored on its second.
Features are relative (logarithms against the station's own hours, days and week), for turbidity varies by factors from
river to river. The probability from which a value is blamed is the one that gives the best F1 at no more than 1 %
false flags on the training stations, each scored by a model that has not seen it. scikit-learn is no dependency of
ours: where it is not installed this says so.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.quality_scores import FlaggedSonde, printed, read, score_of
from quantrac.quality.device_tests import DEVICE_TESTS
from quantrac.quality.series import Floats, Mask
from quantrac.quality.turbidity import BURST, CLEAR_NTU, FOULED
from quantrac.telemetry.quality import Quality

WINDOWS = ("1h", "6h", "24h", "7D")
AHEAD = ("1h", "6h")
BESIDE = ("ec", "do_sat", "ph", "water_temp", "water_level")
MOST_FALSE = 0.01
LEAST_REJECTED = 20
THRESHOLDS = np.linspace(0.02, 0.98, 49)


@dataclass(frozen=True, slots=True)
class TaughtSonde:
    """A sonde's readings of turbidity: features, what experts reject, and what our own tests blame."""

    name: str
    features: Floats
    value: Floats
    rejected: Mask
    blamed: Mask

    def part(self, some: slice) -> TaughtSonde:
        """Return some of the readings."""
        return TaughtSonde(self.name, self.features[some], self.value[some], self.rejected[some], self.blamed[some])


def features_of(sonde: FlaggedSonde) -> Floats:
    """Return a row of relative features a reading."""
    times, values = pd.to_datetime(sonde.series.time_us, unit="us"), sonde.series.values  # noqa: PD011  # no pandas
    height = pd.Series(np.log(np.maximum(values["turbidity"], 0) + CLEAR_NTU), index=times)
    mirrored = pd.Series(height.to_numpy()[::-1], index=times[-1] - (times[::-1] - times[0]))
    found = [*_relative(height, WINDOWS), *(column[::-1] for column in _relative(mirrored, AHEAD))]
    for name in BESIDE:
        other = pd.Series(values.get(name, np.full(len(times), np.nan)), index=times)
        spread = (other.rolling("7D").quantile(0.9) - other.rolling("7D").quantile(0.1)).clip(lower=1e-6)
        found += [((other - other.rolling("24h").median()) / spread).to_numpy()]
        found += [(other.rolling("6h").std() / spread).to_numpy()]
    for test in (BURST, FOULED):
        (evidence,) = DEVICE_TESTS[test].judge(sonde.series)
        found.append(evidence.score)
    return np.column_stack(found)


def _relative(height: pd.Series, windows: Sequence[str]) -> Iterator[Floats]:
    """Yield, by window, how far a value is above the window's median and lowest, its spread, and how full it is."""
    for window in windows:
        rolling = height.rolling(window)
        yield (height - rolling.median()).to_numpy()
        yield (height - rolling.min()).to_numpy()
        yield (rolling.quantile(0.9) - rolling.quantile(0.1)).to_numpy()
        yield height.diff().abs().rolling(window).mean().to_numpy()


def taught(path: Path) -> TaughtSonde | None:
    """Read a file; None where experts reject next to nothing of its turbidity."""
    sonde = read(path)
    if sonde is None or "turbidity" not in sonde.rejected:
        return None
    value, rejected = sonde.series.values["turbidity"], sonde.rejected["turbidity"]  # noqa: PD011  # no pandas
    if np.count_nonzero(rejected & ~np.isnan(value)) < LEAST_REJECTED:
        return None
    blamed = np.zeros(len(value), np.bool_)
    own = frozenset(sonde.rejected)
    for test in DEVICE_TESTS.values():
        if test.serves(own):
            for evidence in test.judge(sonde.series):
                if evidence.parameter == "turbidity":
                    blamed |= evidence.flag >= Quality.SUSPECT
    return TaughtSonde(sonde.name, features_of(sonde), value, rejected, blamed)


def run(folder: Path | None) -> Iterable[str]:
    """Give the scores of each station: our tests, the model that has not seen it, and both together."""
    if folder is None:
        yield "name a folder of flagged CSV files: ./dev bench boosting --data FOLDER"
        return
    try:
        ensemble = importlib.import_module("sklearn.ensemble")
    except ImportError:
        yield "scikit-learn is not installed: pip install scikit-learn"
        return

    def model() -> Any:
        return ensemble.HistGradientBoostingClassifier(
            max_iter=200, learning_rate=0.05, max_leaf_nodes=15, min_samples_leaf=50, l2_regularization=1.0,
            class_weight="balanced", random_state=1,
        )  # fmt: skip

    sondes = [one for path in sorted(folder.rglob("*.csv*")) if (one := taught(path)) is not None]
    if len(sondes) < 3:
        yield f"{folder}: found {len(sondes)} stations with flags on turbidity, expected three at least"
        return
    for held in sondes:
        others = [one for one in sondes if one is not held]
        threshold = _threshold(others, model)
        seen = _blamed(_fitted(others, model), held, threshold)
        yield f"{held.name} turbidity, trained on {', '.join(one.name for one in others)}, from {threshold:.2f}"
        for title, blamed in (("our tests", held.blamed), ("boosting", seen), ("both", held.blamed | seen)):
            yield f"  {title}: {printed(score_of(blamed, held.rejected, held.value))}"
        yield from _by_its_own(held, model)


def _by_its_own(sonde: TaughtSonde, model: Any) -> Iterator[str]:
    """Give the score of the second half of a record by a model of its first half: the best a network's own has."""
    half, quarter = len(sonde.value) // 2, len(sonde.value) // 4
    first, second = sonde.part(slice(half)), sonde.part(slice(half, None))
    quarters = [first.part(slice(quarter)), first.part(slice(quarter, None))]
    if any(np.count_nonzero(one.rejected & ~np.isnan(one.value)) < LEAST_REJECTED for one in (*quarters, second)):
        yield f"{sonde.name} turbidity: too little of its first or second half is rejected to learn by"
        return
    threshold = _threshold(quarters, model)
    yield f"{sonde.name} turbidity, second half, trained on its first half, from {threshold:.2f}"
    seen = _blamed(_fitted([first], model), second, threshold)
    for title, blamed in (("our tests", second.blamed), ("boosting", seen), ("both", second.blamed | seen)):
        yield f"  {title}: {printed(score_of(blamed, second.rejected, second.value))}"


def _fitted(sondes: Sequence[TaughtSonde], model: Any) -> Any:
    there = [~np.isnan(one.value) for one in sondes]
    x = np.concatenate([one.features[fit] for one, fit in zip(sondes, there, strict=True)])
    y = np.concatenate([one.rejected[fit] for one, fit in zip(sondes, there, strict=True)])
    x[:, np.isnan(x).all(axis=0)] = 0.0  # none of these stations measures it
    return model().fit(x, y)


def _threshold(sondes: Sequence[TaughtSonde], model: Any) -> float:
    """Return the probability that divides best on stations that their model has not seen."""
    chances = [
        (one, _fitted([other for other in sondes if other is not one], model).predict_proba(one.features)[:, 1])
        for one in sondes
    ]
    best, found = -1.0, float(THRESHOLDS[-1])
    for threshold in THRESHOLDS:
        scores = [score_of(chance >= threshold, one.rejected, one.value) for one, chance in chances]
        if all((score.false_share or 0) <= MOST_FALSE for score in scores):
            mean = float(np.mean([score.f1 or 0 for score in scores]))
            if mean > best:
                best, found = mean, float(threshold)
    return found


def _blamed(fitted: Any, sonde: TaughtSonde, threshold: float) -> Mask:
    chance: Floats = fitted.predict_proba(sonde.features)[:, 1]
    return (chance >= threshold) & ~np.isnan(sonde.value)
