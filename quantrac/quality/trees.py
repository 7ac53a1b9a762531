"""Boosted decision trees that somebody trained, as arrays, and what they say of features. Pure.

A tree is a list of nodes: an inner one asks whether a feature is at most a threshold and leads to its left or right
node; a leaf adds to the logarithm of the odds. All nodes that ask about one feature are answered by one look into a
table: of each tree the leaves that remain possible, as bits, and the answer is the first leaf that no feature excludes.

Source: Lucchese and others 2015, QuickScorer: a fast algorithm to rank documents with additive ensembles of trees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32] | npt.NDArray[np.float64]
"""A row a reading, a column a feature; NaN: not known."""
Bits = npt.NDArray[Any]
"""Unsigned integers, a bit a leaf."""
MOST_LEAVES: Final = 64
AT_ONCE: Final = 4096
"""So many rows are judged at once: their tables fit the processor's cache."""
LEAF: Final = -1
"""In place of a feature."""


class Tree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tree, a place a node in every list. The first is the root; a node stands before those to which it leads."""

    feature: list[int]
    """Number of the feature that is asked about; -1: a leaf."""
    threshold: list[float]
    """A feature at most so great leads to the left."""
    missing_left: list[bool]
    """Where a feature that is not known leads."""
    left: list[int]
    right: list[int]
    value: list[float]
    """What a leaf adds to the logarithm of the odds."""


class _Table(NamedTuple):
    """What a feature says."""

    feature: int
    thresholds: Floats
    remaining: Bits
    """By the number of thresholds below it, and last where it is not known: of each tree the possible leaves."""


@dataclass(frozen=True)
class Trees:
    """Trees whose sum is the logarithm of the odds that a reading is bad."""

    base: float
    """What it begins with."""
    trees: Sequence[Tree]

    def chance(self, features: Features) -> Floats:
        """Return the probability of each row of features; NaN stands for what is not known."""
        blocks = (self._odds(features[at : at + AT_ONCE]) for at in range(0, len(features), AT_ONCE))
        odds = np.concatenate([np.zeros(0), *blocks])
        return np.asarray(1 / (1 + np.exp(-odds)), np.float64)

    def _odds(self, features: Features) -> Floats:
        remaining = np.full((len(features), len(self.trees)), np.iinfo(self._bits).max, self._bits)
        for feature, thresholds, of_bin in self._tables:
            value = features[:, feature]
            place = np.where(np.isnan(value), len(thresholds) + 1, np.searchsorted(thresholds, value, side="left"))
            remaining &= of_bin[place]
        # Below the lowest bit that is set all are ones once 1 is taken away: their number is the leaf's.
        leaf = np.bitwise_count(~remaining & (remaining - 1)).astype(np.intp)
        odds = np.full(len(features), self.base)
        for tree, values in enumerate(self._values):
            odds += values[leaf[:, tree]]
        return odds

    @cached_property
    def _bits(self) -> npt.DTypeLike:
        most = max((sum(feature == LEAF for feature in tree.feature) for tree in self.trees), default=1)
        kinds = ((8, np.uint8), (16, np.uint16), (32, np.uint32), (MOST_LEAVES, np.uint64))
        return next(kind for leaves, kind in kinds if most <= leaves)

    @cached_property
    def _values(self) -> list[Floats]:
        return [np.array([tree.value[node] for node in _leaves(tree)[0]]) for tree in self.trees]

    @cached_property
    def _tables(self) -> list[_Table]:
        asked: dict[int, list[tuple[float, bool, int, int]]] = {}
        for number, tree in enumerate(self.trees):
            excluded = _leaves(tree)[1]
            for node, feature in enumerate(tree.feature):
                if feature != LEAF:
                    question = tree.threshold[node], tree.missing_left[node], number, excluded[node]
                    asked.setdefault(feature, []).append(question)
        return [self._table(feature, questions) for feature, questions in sorted(asked.items())]

    def _table(self, feature: int, questions: Sequence[tuple[float, bool, int, int]]) -> _Table:
        thresholds = np.unique([threshold for threshold, *_ in questions])
        every = int(np.iinfo(self._bits).max)
        remaining = np.full((len(thresholds) + 2, len(self.trees)), every, self._bits)
        for threshold, missing_left, tree, excluded in questions:
            kept = remaining.dtype.type(every & ~excluded)
            remaining[np.searchsorted(thresholds, threshold) + 1 : -1, tree] &= kept
            if not missing_left:
                remaining[-1, tree] &= kept
        return _Table(feature, thresholds, remaining)


def _leaves(tree: Tree) -> tuple[list[int], dict[int, int]]:
    """Return the leaves from left to right, and of each inner node the bits of those on its left."""
    leaves: list[int] = []
    excluded: dict[int, int] = {}

    def below(node: int) -> int:
        if tree.feature[node] == LEAF:
            leaves.append(node)
            return 1 << (len(leaves) - 1)
        excluded[node] = below(tree.left[node])
        return excluded[node] | below(tree.right[node])

    below(0)
    return leaves, excluded


@dataclass(frozen=True)
class TrainedModel:
    """What was learnt of one parameter."""

    names: tuple[str, ...]
    """Of the features, in the order of their numbers."""
    trees: Trees
    threshold: float
    """A reading is suspect from this probability on."""

    def chance(self, features: Mapping[str, Floats]) -> Floats:
        """Return the probability that each reading is bad, from its features by name."""
        return self.trees.chance(np.column_stack([features[name] for name in self.names]))
