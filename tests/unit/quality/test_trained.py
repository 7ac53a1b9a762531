"""A trained model: trees say what the library says, scores are of what it has not seen, it judges where it is good."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from quantrac.cli.commands.quality_train import lines_of
from quantrac.quality.boosted_trees import boosted, trees_of
from quantrac.quality.device_tests import DEVICE_TESTS
from quantrac.quality.features import AHEAD_S, BACK_S, BESIDE, LEARNT, NAMES, matrix
from quantrac.quality.model_file import (
    FORMAT,
    BadModel,
    Card,
    ChannelScores,
    ModelFile,
    SideBySide,
    model_of,
    read_model,
    written,
)
from quantrac.quality.scores import TestScore
from quantrac.quality.series import Floats, Mask
from quantrac.quality.taught_models import TaughtChannel, TooLittleReviewed, train
from quantrac.quality.trained import TEST
from quantrac.quality.trees import Features, Tree, Trees
from quantrac.telemetry.parameters import BUILT_IN
from tests.unit.quality.devices import estuary, part
from tests.unit.quality.test_device_tests import disturbed

AT = datetime(2026, 5, 1, tzinfo=UTC)
STUMP = Tree([0, -1, -1], [0.5, 0, 0], [True, False, False], [1, 0, 0], [2, 0, 0], [0, -3, 3])
"""High where the first feature is above a half."""


@pytest.mark.parametrize(("leaves", "missing"), [(2, 0.0), (8, 0.2), (31, 0.1), (64, 0.3)])
def test_trees_say_what_the_library_says_also_of_what_is_missing(leaves: int, missing: float) -> None:
    chance = np.random.default_rng(leaves)
    features = np.round(chance.normal(0, 1, (3000, 5)), 1)  # coarse, so that many lie on a threshold's two sides
    bad = features[:, 0] * features[:, 1] + features[:, 2] + chance.normal(0, 0.5, 3000) > 1
    features[chance.random(features.shape) < missing] = np.nan
    bad |= np.isnan(features[:, 3])  # that it is missing says something, too
    model = HistGradientBoostingClassifier(max_iter=6, max_leaf_nodes=leaves, min_samples_leaf=5, early_stopping=False)
    with threadpool_limits(1):  # threads that wait for one another spin on a busy machine
        agrees(model.fit(features, bad), features, chance)


def agrees(model: HistGradientBoostingClassifier, features: Floats, chance: np.random.Generator) -> None:
    made = trees_of(model)
    kept = read_model(written(file_of([], base=made.base, trees=list(made.trees), features=list(NAMES[:5]))))
    trees = Trees(kept.base, kept.trees)
    np.testing.assert_allclose(trees.chance(features), model.predict_proba(features)[:, 1], rtol=1e-12)
    thresholds = np.array([each for tree in trees.trees for each in tree.threshold])
    edges = chance.choice(thresholds, (5000, 5))
    np.testing.assert_allclose(trees.chance(edges), model.predict_proba(edges)[:, 1], rtol=1e-12)
    nothing = np.full((3, 5), np.nan)
    np.testing.assert_allclose(trees.chance(nothing), model.predict_proba(nothing)[:, 1], rtol=1e-12)
    assert trees.chance(np.zeros((0, 5))).shape == (0,)


@pytest.mark.parametrize("parameter", ["turbidity", "do_sat"])
def test_features_depend_on_nothing_outside_the_reach_and_mean_the_same_everywhere(parameter: str) -> None:
    for beside in BESIDE:  # a test that looks further back than features do must be none of them
        test = DEVICE_TESTS[beside.name]
        assert (test.back_s, test.ahead_s, test.judge) == (beside.back_s, beside.ahead_s, beside.judge)
        assert test.back_s <= BACK_S
        assert test.ahead_s <= AHEAD_S
    assert DEVICE_TESTS[TEST].reads is None, "companions are of all the device"
    series = disturbed(22, len(parameter))
    whole = matrix(series, parameter)
    assert whole.shape == (len(series), len(NAMES))
    assert (np.abs(whole[~np.isnan(whole)]) <= 1000).all()
    for place in range(5, len(series), 149):
        now = series.time_us[place]
        first = int(np.searchsorted(series.time_us, now - round(BACK_S * 1e6), side="left"))
        end = int(np.searchsorted(series.time_us, now + round(AHEAD_S * 1e6), side="right"))
        seen = matrix(part(series, slice(first, end)), parameter)
        np.testing.assert_array_equal(seen[place - first], whole[place], err_msg=f"{place}")
    # Ten times the mud, or a river whose oxygen swings twice as far, is another place and not another thing.
    calm = estuary(12)
    factor = 10.0 if parameter == "turbidity" else 2.0
    other = replace(calm, values={**calm.values, parameter: calm.values[parameter] * factor})
    own = NAMES.index("range")
    middle = np.nanmedian(matrix(calm, parameter)[:, own]), np.nanmedian(matrix(other, parameter)[:, own])
    assert middle[1] == pytest.approx(middle[0], rel=0.1)


def taught(station: str, seed: int, *, bad_share: float = 0.1, count: int = 4000) -> TaughtChannel:
    """Return a channel of three months, half an hour apart, whose first feature tells what is bad, in stretches."""
    chance = np.random.default_rng(seed)
    bad = np.repeat(chance.random(count // 20) < bad_share, 20)
    features = chance.normal(0, 0.1, (count, 3)).astype(np.float32)
    features[:, 0] += bad
    times = np.arange(count) * 1_800_000_000
    return TaughtChannel(station, f"{station}/ph", "ph", times, features, bad, np.zeros(count, np.bool_))


def test_nothing_is_scored_by_a_model_that_has_seen_it_or_what_lies_near_before_it() -> None:
    """Each reading has a number of its own for a feature, so that the learner can tell which ones it got."""
    channels = [taught(f"st-{name}", place) for place, name in enumerate("abc")]
    numbered = [
        replace(one, features=np.arange(len(one.bad), dtype=np.float64)[:, None] + 10_000 * place)
        for place, one in enumerate(channels)
    ]
    asked: list[tuple[Floats, Floats]] = []

    class Noted(Trees):
        learnt_from: Floats

        def chance(self, features: Features) -> Floats:
            asked.append((self.learnt_from, features[:, 0].astype(np.float64)))
            return np.zeros(len(features))

    def learn(features: Features, bad: Mask, weight: Floats) -> Trees:
        assert len(features) == len(bad) == len(weight)
        found = Noted(0.0, [STUMP])
        object.__setattr__(found, "learnt_from", features[:, 0].astype(np.float64))
        return found

    train(numbered, learn, 0.01)
    assert len(asked) == 3 + 3 * 3, "each station by the others, and three parts of four of each"
    reach = BACK_S / 1800
    for learnt_from, scored in asked:
        own = learnt_from[learnt_from // 10_000 == scored[0] // 10_000]
        assert not len(own) or own.max() < scored.min() - reach
        assert len(learnt_from) > len(own), "the others teach"


def divided(features: Features, bad: Mask, weight: Floats) -> Trees:
    """Train one tree of one question: where the first feature lies between the means of both kinds."""
    first = features[:, 0].astype(np.float64)
    middle = float(np.average(first, weights=weight * bad) + np.average(first, weights=weight * ~bad)) / 2
    return Trees(0.0, [Tree([0, -1, -1], [middle, 0, 0], [True] * 3, [1, 0, 0], [2, 0, 0], [0, -3, 3])])


def test_what_can_be_learnt_is_found_at_a_station_unseen_and_at_a_later_time() -> None:
    found = train([taught("st-a", 1), taught("st-b", 2)], divided, 0.01)
    for own in found.scores:
        assert own.good + own.bad == 4000
        for side in (own.unseen, own.later):
            assert side is not None
            assert (side.model.f1 or 0) > 0.9
            assert side.ours.flagged == 0
        assert own.later is not None
        assert own.later.model.readings == 3000, "the first part has nothing before it"
        assert own.why_off() is None
    (alone,) = train([taught("st-a", 1, count=12_000)], divided, 0.01).scores
    assert alone.unseen is None
    assert alone.later is not None
    assert alone.later.model.readings == 6000, "the second part teaches where to divide"
    noise = replace(taught("st-c", 3), features=np.random.default_rng(3).normal(0, 1, (4000, 3)).astype(np.float32))
    of_noise = train([taught("st-a", 1), noise], divided, 0.01).scores[1]
    assert of_noise.why_off() is not None, "what cannot be learnt there is not judged there"


def test_what_nobody_measures_divides_nothing() -> None:
    one = taught("st-a", 1)
    one.features[:, 1] = np.nan
    trees = boosted(one.features, one.bad, np.ones(len(one.bad)))
    assert {feature for tree in trees.trees for feature in tree.feature} <= {-1, 0, 2}
    assert np.mean((trees.chance(one.features) > 0.5) == one.bad) > 0.99


def test_that_a_value_is_missing_is_learnt_and_comes_back_from_the_database_as_it_was() -> None:
    """A jsonb column keeps a number as decimals and gives it back written out: 1e300 would be another one."""
    one = taught("st-a", 1)
    one.features[:, 0] = np.where(one.bad, np.nan, one.features[:, 1])
    trees = boosted(one.features, one.bad, np.ones(len(one.bad)))
    assert np.mean((trees.chance(one.features) > 0.5) == one.bad) > 0.99
    thresholds = [each for tree in trees.trees for each in tree.threshold]
    back = [Decimal(repr(each)) for each in thresholds]
    assert [int(each) if each == each.to_integral_value() else float(each) for each in back] == thresholds


@pytest.mark.parametrize(("share", "found"), [(0.0, "4000 .* good and 0 "), (1.0, "0 .* good and 4000 ")])
def test_people_must_have_called_some_good_and_some_bad(share: float, found: str) -> None:
    with pytest.raises(TooLittleReviewed, match=found):
        train([taught("st-a", 1, bad_share=share)], divided, 0.01)
    with pytest.raises(TooLittleReviewed, match="found 0 readings"):
        train([], divided, 0.01)


def score(bad: int, flagged: int, hits: int) -> TestScore:
    return TestScore.of("ph", "trained", readings=10_000, bad=bad, flagged=flagged, hits=hits)


def scored(
    model: TestScore, ours: TestScore, both: TestScore | None = None, threshold: float | None = 0.5
) -> ChannelScores:
    return ChannelScores("st-a/ph", AT, AT, 9_000, 1_000, threshold, None, SideBySide(model, ours, both or model))


@pytest.mark.parametrize(
    ("own", "why"),
    [
        (scored(score(400, 250, 200), score(400, 100, 80)), None),
        (scored(score(400, 100, 80), score(400, 250, 200)), r"F1 0\.32 there, the other tests 0\.62"),
        (scored(score(400, 250, 200), score(400, 250, 200)), "better than they are"),
        (scored(score(100, 220, 100), score(100, 10, 0)), r"precision 0\.45"),
        (scored(score(4_000, 4_000, 3_900), score(4_000, 10, 0)), r"1\.67% of the good readings"),
        (scored(score(40, 30, 30), score(40, 10, 0)), "rests on 40 rejected readings"),
        (scored(score(40, 30, 30), score(40, 10, 0), threshold=None), "rests on 40 rejected readings"),
        (scored(score(400, 250, 200), score(400, 100, 80), threshold=None), "nobody scored it"),
        (ChannelScores("st-a/ph", AT, AT, 9_000, 1_000, None, None, None), "nobody scored it"),
        (None, "taught this model"),
    ],
)
def test_a_model_judges_only_where_its_own_score_is_good(own: ChannelScores | None, why: str | None) -> None:
    model = file_of([own] if own else [])
    told = model.why_off("st-a/ph")
    assert told is None if why is None else re.search(why, told or ""), told
    assert model.why_off("st-b/ph") is not None, "a score elsewhere is none here"


def file_of(channels: Sequence[ChannelScores], **changed: Any) -> ModelFile:
    card = Card(datetime(2026, 12, 1, tzinfo=UTC), "scikit-learn 1.9", "0.1.0", 0.01, list(channels))
    return ModelFile(**{
        "format": FORMAT, "version": 1, "parameter": "ph", "card": card, "features": ["usual"],
        "base": -1.0, "trees": [STUMP], **changed,
    })  # fmt: skip


def test_a_model_is_read_as_it_was_written_and_judges_as_it_did() -> None:
    good = scored(score(400, 250, 200), score(400, 100, 80))
    model = file_of([good], trees=[STUMP, Tree([-1], [0], [False], [0], [0], [0.5])])
    again = read_model(written(model))
    assert again == model
    features = np.array([[0.25], [0.75], [np.nan]])
    stored = model_of(again.stored("st-a/ph"))
    assert stored is not None
    np.testing.assert_array_equal(stored.chance({"usual": features[:, 0]}), Trees(-1.0, model.trees).chance(features))
    assert stored.threshold == 0.5
    of_other_version = file_of([good], features=["phase"]).stored("st-a/ph")
    assert model_of(of_other_version) is None, "after an upgrade it judges nothing, and stops nobody"
    with pytest.raises(ValueError, match="taught this model"):
        model.stored("st-b/ph")


def leading(*to: int) -> Tree:
    """Return a tree whose root leads to these two nodes."""
    return Tree([0, -1, -1], [0.5, 0, 0], [True, False, False], [to[0], 0, 0], [to[1], 0, 0], [0, 1, 2])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no trained model"),
        (b"\xff\xfe", "no trained model"),
        (b"[1]", "no trained model"),
        (written(file_of([])).replace(b'"base"', b'"bass"'), "bass"),
        (written(file_of([])).replace(b"-1.0", b"1e999"), "no trained model|no training gives"),
        (written(file_of([], format="quantrac/trained-model/9")), "trained-model/9.*train it again"),
        (written(file_of([], parameter="rain")), "rain.*turbidity"),
        (written(file_of([], features=["phase"])), "'phase', which this version does not make"),
        (written(file_of([], version=0)), "no training gives"),
        (written(file_of([], trees=[])), "0 trees"),
        (written(file_of([], trees=[leading(0, 2)])), "tree 0 .*nowhere"),
        (written(file_of([], trees=[STUMP, leading(1, 1)])), "tree 1 .*nowhere"),
        (written(file_of([], trees=[leading(1, 3)])), "tree 0"),
        (written(file_of([], trees=[Tree([7, -1, -1], [0] * 3, [True] * 3, [1, 0, 0], [2, 0, 0], [0] * 3)])), "tree 0"),
        (b" " * 2_000_001, "2000001 bytes"),
    ],
)
def test_a_file_that_is_no_model_is_refused_with_what_was_found(content: bytes, why: str) -> None:
    with pytest.raises(BadModel, match=why):
        read_model(content)


def test_the_card_shows_both_versions_beside_the_other_tests_and_what_judges_where() -> None:
    good, worse = (scored(score(400, flagged, hits), score(400, 100, 80)) for flagged, hits in ((250, 200), (90, 70)))
    shown = "\n".join(lines_of(file_of([good], version=2), file_of([worse])))
    assert re.search(r"st-a/ph +later +model +10000 +400 +0\.80 +0\.50 +0\.62 +0\.52%", shown)
    assert re.search(r"later +version 1 +10000 +400 +0\.78 +0\.17 +0\.29", shown)
    assert re.search(r"st-a/ph +unseen +nothing to score it on", shown)
    assert "st-a/ph: judges, from a probability of 50% on, which it did not before" in shown
    (said,) = [line for line in lines_of(file_of([worse], version=2), file_of([good])) if ": off: " in line]
    assert "F1 0.29 there, the other tests 0.32" in said
    assert said.endswith(", where the version before judged")


def test_what_may_be_learnt_is_of_the_catalogue() -> None:
    assert set(LEARNT) <= BUILT_IN.keys()
