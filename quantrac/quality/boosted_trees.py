"""Gradient boosting by scikit-learn, as the trees of `quantrac.quality.trees`. Needs the extra `training`."""

from __future__ import annotations

from typing import Final

import numpy as np
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from quantrac.quality.series import Floats, Mask
from quantrac.quality.trees import LEAF, Features, Tree, Trees

NAME: Final = f"scikit-learn {sklearn.__version__}"

GREATEST: Final = 1e15
"""In place of the infinite threshold that parts what is known from what is not: JSON has none. No feature is as great,
and a database gives it back as it was, unlike 1e300, of which `apply` would find a change each time."""
BINS: Final = 64
"""Of a feature. Where each bin ends takes the library longer than all else, once readings have weights."""


def boosted(features: Features, bad: Mask, weight: Floats) -> Trees:
    """Return trees for rows of features, what people reject of them, and how much each counts; NaN: not known."""
    known = np.where(np.isnan(features).all(axis=0), 0.0, features)  # what nobody measures divides nothing
    model = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=8, min_samples_leaf=40, l2_regularization=5.0, max_bins=BINS,
        early_stopping=False, random_state=1,
    )  # fmt: skip
    with threadpool_limits(1):  # the services of the centre run beside it, and threads that wait spin
        return trees_of(model.fit(known, bad, sample_weight=weight))


def trees_of(model: HistGradientBoostingClassifier) -> Trees:
    """Return the trees of a fitted model of two classes."""
    nodes = [predictor.nodes for (predictor,) in model._predictors]  # noqa: SLF001  # it has no other way out
    return Trees(float(model._baseline_prediction.item()), [_tree(each) for each in nodes])  # noqa: SLF001


def _tree(nodes: np.ndarray) -> Tree:
    is_leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        feature=np.where(is_leaf, LEAF, nodes["feature_idx"]).tolist(),
        threshold=np.minimum(np.where(is_leaf, 0.0, nodes["num_threshold"]), GREATEST).tolist(),
        missing_left=nodes["missing_go_to_left"].astype(bool).tolist(),
        left=np.where(is_leaf, 0, nodes["left"]).tolist(),
        right=np.where(is_leaf, 0, nodes["right"]).tolist(),
        value=np.where(is_leaf, nodes["value"], 0.0).tolist(),
    )
