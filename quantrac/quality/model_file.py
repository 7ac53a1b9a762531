"""The file of a trained model: what it looks at, its trees, and its card: what taught it, and how good it is where.

JSON, made by `quantrac quality train`. A model judges a channel only where its card holds a score of that very channel,
on readings that the model which was scored had not seen, and that score is good.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final, NoReturn

import msgspec

from quantrac.quality.features import LEARNT, NAMES
from quantrac.quality.scores import TestScore
from quantrac.quality.trees import LEAF, MOST_LEAVES, TrainedModel, Tree, Trees
from quantrac.telemetry.errors import QuantracError

FORMAT: Final = "quantrac/trained-model/1"
MOST_BYTES: Final = 2_000_000
MOST_TREES: Final = 500
LEAST_BAD: Final = 50
"""So many rejected readings a score must rest on."""
LEAST_PRECISION: Final = 0.5
MOST_FALSE: Final = 0.01
"""Share of the good readings that it may blame."""


class BadModel(QuantracError):
    """A file that is no trained model of ours; the text is "found …, allowed …"."""

    exit_code = 2


class SideBySide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scores on the same readings."""

    model: TestScore
    ours: TestScore
    """Of the other tests together."""
    both: TestScore


class ChannelScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How good a model is at a channel that taught it."""

    channel: str
    """Such as `st-my-thanh/turbidity`."""
    first: datetime
    last: datetime
    """Of the readings that people have judged."""
    good: int
    bad: int
    threshold: float | None
    """A reading of it is suspect from this probability on; None: nobody could choose one."""
    unseen: SideBySide | None
    """By a model that knows nothing of the station; None: the others could not teach one."""
    later: SideBySide | None
    """By models that know what came before; None: nothing came before from which one could be learnt."""

    def why_off(self) -> str | None:
        """Return why the model does not judge this channel; None: its score there is good."""
        if self.later is not None and (bad := self.later.model.bad) < LEAST_BAD:
            return f"its score there rests on {bad} rejected readings, allowed from {LEAST_BAD} on"
        if self.later is None or self.threshold is None:
            return "nobody scored it there on later readings than it was taught by: review more of them"
        model, ours, both = self.later.model, self.later.ours, self.later.both
        told = f"F1 {_f1(model):.2f} there, the other tests {_f1(ours):.2f}, both together {_f1(both):.2f}"
        if _f1(model) <= _f1(ours):
            return f"{told}: allowed where it is better than they are"
        if (model.precision or 0.0) < LEAST_PRECISION:
            return f"{told}, precision {model.precision or 0.0:.2f}: allowed from {LEAST_PRECISION:g} on"
        if (model.false_share or 0.0) > MOST_FALSE:
            return f"{told}, {model.false_share:.2%} of the good readings blamed: allowed up to {MOST_FALSE:.0%}"
        return None


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person should know before a model judges."""

    made: datetime
    library: str
    """Which trained it, with its version."""
    quantrac: str
    """Version of the program that made its features."""
    most_false: float
    """Share of the good readings of any channel that might be blamed where a threshold was chosen."""
    channels: list[ChannelScores]


class ModelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A trained model of one parameter with its card."""

    format: str
    version: int
    """Counts from 1 on, each trained beside the one before."""
    parameter: str
    card: Card
    features: list[str]
    base: float
    trees: list[Tree]

    def why_off(self, channel: str) -> str | None:
        """Return why it does not judge a channel, such as `st-my-thanh/turbidity`; None: its score there is good."""
        own = self._own(channel)
        return "nobody's reviews of it taught this model: train one with them" if own is None else own.why_off()

    def _own(self, channel: str) -> ChannelScores | None:
        return next((each for each in self.card.channels if each.channel == channel), None)

    def stored(self, channel: str) -> dict[str, Any]:
        """Return what judging a channel needs, as the database keeps it. Raises ValueError where it is off."""
        own = self._own(channel)
        if own is None or own.threshold is None:
            raise ValueError(f"{channel}: {self.why_off(channel)}")
        kept = StoredModel(self.version, own.threshold, self.features, self.base, self.trees)
        return msgspec.to_builtins(kept)  # type: ignore[no-any-return]  # a struct becomes a dict


class StoredModel(msgspec.Struct, frozen=True):
    """A model without its card."""

    version: int
    threshold: float
    features: list[str]
    base: float
    trees: list[Tree]


def model_of(stored: object) -> TrainedModel | None:
    """Return a model that `ModelFile.stored` gave; None: of a version that made other features, so it cannot judge.

    Its file is refused then, too, until somebody trains it again: an upgrade stops no other test of the device.
    """
    kept = msgspec.convert(stored, StoredModel, strict=False)
    if not set(kept.features) <= set(NAMES):
        return None
    return TrainedModel(tuple(kept.features), Trees(kept.base, kept.trees), kept.threshold)


def written(model: ModelFile) -> bytes:
    """Return a file's content: the card for people to read, then a line a tree."""
    text = msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(model, trees=[])), indent=1)
    trees = b",\n  ".join(msgspec.json.encode(tree) for tree in model.trees)
    return text.replace(b'"trees": []', b'"trees": [\n  ' + trees + b"\n ]") + b"\n"


def read_model(content: bytes) -> ModelFile:
    """Return the model that a file holds. Raises BadModel."""
    if len(content) > MOST_BYTES:
        _refuse(f"{len(content)} bytes", f"{MOST_BYTES} at most")
    try:
        model = msgspec.json.decode(content, type=ModelFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadModel(f"found no trained model ({error}), allowed a file that quantrac quality train wrote") from error
    if model.format != FORMAT:
        _refuse(f"format {model.format!r}", f"{FORMAT}: train it again")
    if model.parameter not in LEARNT:
        _refuse(f"a model of {model.parameter!r}", f"one of {', '.join(LEARNT)}")
    if unknown := sorted(set(model.features) - set(NAMES)):
        _refuse(f"feature {unknown[0]!r}, which this version does not make", "a model trained by this version")
    thresholds = [each.threshold for each in model.card.channels if each.threshold is not None]
    if any(not 0 < each <= 1 for each in thresholds) or not math.isfinite(model.base) or model.version < 1:
        _refuse(
            "a threshold, base or version that no training gives", "probabilities above 0, a number, and 1 at least"
        )
    if not 0 < len(model.trees) <= MOST_TREES:
        _refuse(f"{len(model.trees)} trees", f"1 to {MOST_TREES}")
    for number, tree in enumerate(model.trees):
        if not _is_tree(tree, len(model.features)):
            _refuse(
                f"tree {number} with nodes that lead nowhere", "nodes that each lead to two later ones, or are leaves"
            )
    return model


def _is_tree(tree: Tree, features: int) -> bool:
    """Tell whether each node is a leaf, or leads to two that stand behind it and to which no other leads."""
    count = len(tree.feature)
    columns = (tree.threshold, tree.missing_left, tree.left, tree.right, tree.value)
    if not count or any(len(column) != count for column in columns) or count >= 2 * MOST_LEAVES:
        return False
    inner = [node for node, feature in enumerate(tree.feature) if feature != LEAF]
    led_to = [child for node in inner for child in (tree.left[node], tree.right[node])]
    return (
        all(LEAF <= feature < features for feature in tree.feature)
        and all(math.isfinite(each) for each in (*tree.threshold, *tree.value))
        and all(node < min(tree.left[node], tree.right[node]) for node in inner)
        and sorted(led_to) == list(range(1, count))
    )


def _f1(score: TestScore) -> float:
    return score.f1 or 0.0


def _refuse(found: str, allowed: str) -> NoReturn:
    raise BadModel(f"found {found}, allowed {allowed}")
