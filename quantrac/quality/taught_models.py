"""Training a model of what people reject, and how good it is where it has not been: by station, by later time.

Pure. Each channel's readings that people have judged are cut into parts of equal number by time. Two scores are taken,
each by a model that has seen nothing of what it is scored on: of a station by the others alone (unseen), and of each
part but the first by the others and by what came before that part (later), less the reach of the features. The
probability from which a reading is blamed is never chosen on what is scored by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from quantrac.quality.features import BACK_S
from quantrac.quality.model_file import LEAST_BAD, ChannelScores, SideBySide
from quantrac.quality.scores import TOGETHER, TestScore
from quantrac.quality.series import Floats, Mask, Times
from quantrac.quality.trees import Features, Trees
from quantrac.telemetry.errors import QuantracError

PARTS: Final = 4
"""Of a channel's readings, by time."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FOR_EVER_US: Final = np.iinfo(np.int64).min
"""Before it lies nothing."""
LEAST_GOOD: Final = 1_000
"""Of fewer good readings, or fewer bad ones than `LEAST_BAD`, nothing is learnt."""
MOST_GOOD: Final = 8_000
MOST_BAD: Final = 4_000
"""So many readings of a channel are learnt from, drawn by chance: neighbours say the same. All are scored."""
BAD_WEIGHT: Final = 0.2
"""Share of the bad ones in the weight of a channel, each channel weighing the same; a reading weighs at most 30 times
another."""
MOST_WEIGHT: Final = 30.0
THRESHOLDS: Final = np.linspace(0.02, 0.98, 97)
NEVER: Final = 1.0
"""A probability that no model gives: where no threshold keeps the share of false flags."""


class TooLittleReviewed(QuantracError):
    """People have judged too few readings, or all alike."""


Learner = Callable[[Features, Mask, Floats], Trees]
"""Trains trees by rows of features, what people reject of them, and how much each counts."""


@dataclass(frozen=True, slots=True)
class TaughtChannel:
    """Readings of a channel that people have judged, in the order of their times."""

    station: str
    channel: str
    """Such as `st-my-thanh/turbidity`."""
    parameter: str
    time_us: Times
    features: Features
    """A row a reading, a column a feature."""
    bad: Mask
    ours: Mask
    """Blamed by the other tests."""

    def pick(self, some: Mask) -> TaughtChannel:
        """Return some of the readings."""
        return replace(
            self, time_us=self.time_us[some], features=self.features[some], bad=self.bad[some], ours=self.ours[some]
        )


class Trained(NamedTuple):
    """What came of it."""

    trees: Trees
    scores: list[ChannelScores]


class _Said(NamedTuple):
    """What models say of readings that they have not seen, and what people say."""

    station: str
    chance: Floats
    bad: Mask


class _Stretch(NamedTuple):
    """Readings that are scored by a model that knows, of their station, what lies before a time."""

    scored: Mask
    until_us: int


def train(taught: Sequence[TaughtChannel], learn: Learner, most_false: float) -> Trained:
    """Train on all channels, and score on each. Raises TooLittleReviewed.

    `most_false`: share of the good readings of any channel that may be blamed where a threshold is chosen.
    """
    bad = sum(int(np.count_nonzero(one.bad)) for one in taught)
    good = sum(len(one.bad) for one in taught) - bad
    if good < LEAST_GOOD or bad < LEAST_BAD:
        raise TooLittleReviewed(
            f"found {good} readings that people call good and {bad} that they reject, expected at least {LEAST_GOOD} "
            f"and {LEAST_BAD}: review more (quantrac review, quantrac stages), widen --from and --to or --station, or "
            "say --rest-is-good where people have flagged all that is bad"
        )
    unseen, later = (_OutOfSample.of(taught, learn, stretches, most_false) for stretches in (_whole, _parts))
    scores = [
        ChannelScores(
            one.channel, _moment(one.time_us[0]), _moment(one.time_us[-1]), int(np.count_nonzero(~one.bad)),
            int(np.count_nonzero(one.bad)), later.threshold(place, most_false), unseen.score(place), later.score(place),
        )
        for place, one in enumerate(taught)
    ]  # fmt: skip
    return Trained(_fitted(taught, learn), scores)


def _whole(one: TaughtChannel) -> list[_Stretch]:
    return [_Stretch(np.ones(len(one.bad), np.bool_), FOR_EVER_US)]


def _parts(one: TaughtChannel) -> list[_Stretch]:
    part = np.arange(len(one.bad)) * PARTS // max(len(one.bad), 1)
    firsts = (
        [int(one.time_us[np.searchsorted(part, number)]) for number in range(1, PARTS)] if len(part) >= PARTS else []
    )
    return [_Stretch(part == number, first - round(BACK_S * 1e6)) for number, first in enumerate(firsts, 1)]


@dataclass(frozen=True, slots=True)
class _OutOfSample:
    """What models say of readings that they have not seen."""

    taught: Sequence[TaughtChannel]
    chance: list[Floats]
    """A column a channel: the probability of each reading; NaN where nobody could be taught."""
    blamed: list[Mask]
    scored: list[Mask]
    """Where there is a probability, and there was something to choose a threshold by."""

    @classmethod
    def of(
        cls,
        taught: Sequence[TaughtChannel],
        learn: Learner,
        stretches: Callable[[TaughtChannel], list[_Stretch]],
        most_false: float,
    ) -> _OutOfSample:
        chance = [np.full(len(one.bad), np.nan) for one in taught]
        for place, one in enumerate(taught):
            for scored, until_us in stretches(one):
                teachers = [other.pick(before) for other, before in _before(taught, one, until_us)]
                if _teaches([other.bad for other in teachers]):
                    chance[place][scored] = _fitted(teachers, learn).chance(one.features[scored])
        blamed, seen = ([np.zeros(len(one.bad), np.bool_) for one in taught] for _ in range(2))
        found = cls(taught, chance, blamed, seen)
        for place, one in enumerate(taught):
            for scored, until_us in stretches(one):
                threshold = _threshold(found._known(one, until_us), most_false)
                if threshold is not None:
                    found.scored[place][scored] = np.isfinite(chance[place][scored])
                    found.blamed[place][scored] = chance[place][scored] >= threshold
        return found

    def _known(self, held: TaughtChannel, until_us: int) -> list[_Said]:
        """Return what there is to choose a threshold by: the station's own past where it is enough, else of all."""
        of_all = [
            _Said(one.station, chance[before & np.isfinite(chance)], one.bad[before & np.isfinite(chance)])
            for chance, (one, before) in zip(self.chance, _before(self.taught, held, until_us), strict=True)
        ]
        own = [each for each in of_all if each.station == held.station]
        return own if _teaches([each.bad for each in own]) else of_all

    def threshold(self, place: int, most_false: float) -> float | None:
        """Return the probability that divides a channel's readings best; None: too few of them have one."""
        one, chance = self.taught[place], self.chance[place]
        return _threshold([_Said(one.station, chance[np.isfinite(chance)], one.bad[np.isfinite(chance)])], most_false)

    def score(self, place: int) -> SideBySide | None:
        """Return the scores of a channel; None where nothing of it was scored."""
        one = self.taught[place].pick(self.scored[place])
        blamed = self.blamed[place][self.scored[place]]
        if not len(blamed):
            return None
        of = {"trained": blamed, TOGETHER: one.ours, "both": blamed | one.ours}
        return SideBySide(*(_counted(one.parameter, name, each, one.bad) for name, each in of.items()))


def _before(taught: Sequence[TaughtChannel], held: TaughtChannel, until_us: int) -> list[tuple[TaughtChannel, Mask]]:
    """Return all channels, each with what may teach: of the held one's station only what lies before a time."""
    return [(one, (one.station != held.station) | (one.time_us < until_us)) for one in taught]


def _teaches(bad: Sequence[Mask]) -> bool:
    rejected = sum(int(np.count_nonzero(each)) for each in bad)
    return rejected >= LEAST_BAD and sum(map(len, bad)) - rejected >= LEAST_GOOD


def _fitted(taught: Sequence[TaughtChannel], learn: Learner) -> Trees:
    drawn = [one.pick(_drawn(one.bad)) for one in taught]
    features = np.concatenate([one.features for one in drawn])
    return learn(
        features, np.concatenate([one.bad for one in drawn]), np.concatenate([_weights(one.bad) for one in drawn])
    )


def _drawn(bad: Mask) -> Mask:
    """Return which readings are learnt from, the same ones each time."""
    chance = np.random.default_rng(1)
    found = np.zeros(len(bad), np.bool_)
    for places, most in ((np.flatnonzero(~bad), MOST_GOOD), (np.flatnonzero(bad), MOST_BAD)):
        found[chance.choice(places, min(most, len(places)), replace=False)] = True
    return found


def _weights(bad: Mask) -> Floats:
    weight = np.ones(len(bad))
    if bad.any():
        good = np.count_nonzero(~bad)
        weight[bad] = np.clip(
            good / np.count_nonzero(bad) * BAD_WEIGHT / (1 - BAD_WEIGHT), 1 / MOST_WEIGHT, MOST_WEIGHT
        )
    return weight / np.sum(weight) * MOST_GOOD


def _threshold(known: Sequence[_Said], most_false: float) -> float | None:
    """Return the probability that divides best, at few false flags in every channel; None: nothing to choose it by."""
    if not _teaches([each.bad for each in known]):
        return None
    best, found = 0.0, [NEVER]
    for threshold in THRESHOLDS.tolist():
        scores = [_counted("", "", each.chance >= threshold, each.bad) for each in known]
        f1 = float(np.mean([score.f1 or 0.0 for score in scores if score.bad]))
        if f1 and f1 >= best and all((score.false_share or 0.0) <= most_false for score in scores):
            found = [*found, threshold] if f1 == best else [threshold]
            best = f1
    return found[len(found) // 2]  # of those that are equally good the middle one: as far from the good as the bad


def _counted(parameter: str, test: str, blamed: Mask, bad: Mask) -> TestScore:
    readings, hits = len(bad), int(np.count_nonzero(blamed & bad))
    flagged, rejected = int(np.count_nonzero(blamed)), int(np.count_nonzero(bad))
    return TestScore.of(parameter, test, readings=readings, bad=rejected, flagged=flagged, hits=hits)


def _moment(time_us: np.int64) -> datetime:
    return EPOCH + timedelta(microseconds=int(time_us))
