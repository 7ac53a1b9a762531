"""Scores of tests against verdicts of people: by hand, and against counting reading by reading."""

from hypothesis import given, settings
from hypothesis import strategies as st

from quantrac.quality.scores import EVERY, TOGETHER, CountedReadings, TestScore, scores

READING = st.tuples(st.sampled_from(["do", "ph"]), st.booleans(), st.frozensets(st.sampled_from(["spike", "flat"])))


def by_name(found: list[TestScore]) -> dict[tuple[str, str], TestScore]:
    return {(one.parameter, one.test): one for one in found}


def test_a_test_that_finds_half_and_one_too_much() -> None:
    """Of 1000 good and 8 bad readings it blames 4 bad and 1 good ones: precision 4/5, recall 4/8, F1 8/13."""
    counted = [
        CountedReadings("do", True, frozenset({"spike"}), 4),
        CountedReadings("do", True, frozenset(), 4),
        CountedReadings("do", False, frozenset({"spike"}), 1),
        CountedReadings("do", False, frozenset(), 999),
    ]
    found = by_name(scores(counted, {"do": ["spike", "flat"], "ph": ["rate"]}))
    spike, flat, together = (found["do", name] for name in ("spike", "flat", TOGETHER))
    assert (spike.precision, spike.recall, spike.f1, spike.false_share) == (0.8, 0.5, 8 / 13, 0.001)
    assert (flat.precision, flat.recall, flat.f1, flat.false_share) == (None, 0.0, 0.0, 0.0)
    assert (together.readings, together.bad, together.flagged, together.hits) == (1008, 8, 5, 4)
    assert EVERY not in {one.parameter for one in found.values()}, "of one parameter there is no other sum"


@settings(max_examples=25)
@given(st.lists(READING, max_size=12))
def test_counts_are_those_of_a_look_at_each_reading(readings: list[tuple[str, bool, frozenset[str]]]) -> None:
    found = by_name(scores((CountedReadings(*one, 1) for one in readings), {}))
    for (parameter, test), one in found.items():
        own = [(bad, blaming) for name, bad, blaming in readings if parameter in (name, EVERY)]
        blames = [bool(blaming) if test == TOGETHER else test in blaming for _, blaming in own]
        hits = [bad for (bad, _), blamed in zip(own, blames, strict=True) if blamed]
        assert (one.readings, one.bad) == (len(own), sum(bad for bad, _ in own))
        assert (one.flagged, one.hits) == (sum(blames), sum(hits))
        assert one.precision == (sum(hits) / len(hits) if hits else None)
        assert one.false_share in (None, (len(hits) - sum(hits)) / max(len(own) - one.bad, 1))
    assert {parameter for parameter, _ in found} >= {name for name, _, _ in readings}
