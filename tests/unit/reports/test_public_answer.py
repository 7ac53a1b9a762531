"""May water be taken in now: yes only where all is known, new, good and within its limits; the tide's likely hours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from quantrac.config.limits import Averaging, DecreeLimit
from quantrac.config.tides import TidePhase
from quantrac.telemetry.words import Words
from reports.public.answer import (
    Answer,
    Finding,
    Hindrance,
    IntakeAnswer,
    NewestValue,
    answer_of,
    hindrance_of,
    judge,
)
from reports.public.tide_hours import LEAST_HOURS, TideWord, fit_hours, outlook

NOW = datetime(2026, 11, 24, 3, 7, tzinfo=UTC)
HOUR, OLDEST = timedelta(hours=1), timedelta(hours=1)


def limit(low: float | None, high: float | None) -> DecreeLimit:
    case = Words("lấy nước", "intake")
    return DecreeLimit(
        "d/p/c",
        "D",
        Words("bảng 1", "table 1"),
        "salinity",
        "c",
        case,
        Averaging.VALUE,
        low,
        high,
        None,
        None,
        confirmed=True,
    )


numbers = st.floats(-50, 50) | st.sampled_from([7.0, 25.0, math.nan, math.inf])
bounds = st.none() | st.integers(-50, 50).map(float)
limits = st.none() | st.builds(limit, bounds, bounds)
readings = st.none() | st.builds(
    NewestValue,
    st.integers(-7200, 7200).map(lambda s: NOW - timedelta(seconds=s)) | st.just(NOW),
    st.none() | numbers,
    st.sampled_from(["ok", "ok", "ok", "suspect", "range", "maint", "cal", "fault", "comm"]),
    st.sampled_from([1, 1, 1, 2, 3, 4, 9]),
    st.booleans(),
)
pairs = st.lists(st.tuples(readings, limits), max_size=4)
hindrances = st.sampled_from([Hindrance.NONE, Hindrance.NONE, Hindrance.MAINTENANCE, Hindrance.SILENT])
Pairs = Sequence[tuple[NewestValue | None, DecreeLimit | None]]
FRESH = NewestValue(NOW, 10.0, "ok", 1)


def answered(found: Pairs, hindrance: Hindrance = Hindrance.NONE) -> IntakeAnswer:
    return answer_of([judge(f"st/{n}", "salinity", *one, NOW, OLDEST) for n, one in enumerate(found)], hindrance)


@given(pairs, hindrances)
@example([(replace(FRESH, value=None), limit(7, 25))], Hindrance.NONE)
@example([], Hindrance.NONE)
def test_yes_needs_all_values_new_good_and_within_their_limits(found: Pairs, hindrance: Hindrance) -> None:
    is_fit = [
        one is not None and bound is not None and one.value is not None and math.isfinite(one.value)
        and -timedelta(minutes=5) <= NOW - one.time <= OLDEST and one.state == "ok" and one.quality == 1
        and (bound.low is None or bound.low <= one.value) and (bound.high is None or one.value <= bound.high)
        for one, bound in found
    ]  # fmt: skip
    answer = answered(found, hindrance)
    assert (answer.answer is Answer.YES) == (bool(found) and all(is_fit) and hindrance is Hindrance.NONE)
    if hindrance is not Hindrance.NONE:
        assert answer.answer is Answer.UNKNOWN
    if answer.answer is Answer.NO or (answer.answer is Answer.UNKNOWN and hindrance is Hindrance.NONE and found):
        assert answer.reasons, "what is not yes has a reason"


@given(pairs, st.integers(0, 3), st.floats(0, 20), st.floats(0, 20))
def test_a_tighter_limit_never_makes_an_answer_better(found: Pairs, at: int, lower: float, higher: float) -> None:
    assume(at < len(found))
    reading, bound = found[at]
    assume(bound is not None)
    assert bound is not None
    tighter = replace(
        bound,
        low=None if bound.low is None else bound.low + lower,
        high=None if bound.high is None else bound.high - higher,
    )
    before, after = answered(found), answered([*found[:at], (reading, tighter), *found[at + 1 :]])
    order = [Answer.NO, Answer.UNKNOWN, Answer.YES]
    assert order.index(after.answer) <= order.index(before.answer)


@given(pairs, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_no_answer_becomes_yes_by_waiting_and_after_the_oldest_age_it_is_unknown(
    found: Pairs, waited: timedelta
) -> None:
    assume(all(one is None or one.time <= NOW for one, _ in found))
    later = answer_of(
        [judge(f"st/{n}", "salinity", *one, NOW + waited, OLDEST) for n, one in enumerate(found)], Hindrance.NONE
    )
    if later.answer is Answer.YES:
        assert answered(found).answer is Answer.YES
    if waited > OLDEST:
        assert later.answer is Answer.UNKNOWN


@pytest.mark.parametrize(
    ("newest", "finding"),
    [
        (None, Finding.MISSING),
        (replace(FRESH, time=NOW - timedelta(hours=1, seconds=1)), Finding.OLD),
        (replace(FRESH, time=NOW + timedelta(minutes=6)), Finding.OLD),
        (replace(FRESH, state="maint", quality=4), Finding.FAILED),
        (replace(FRESH, quality=3), Finding.SUSPECT),
        (replace(FRESH, quality=2), Finding.UNCHECKED),
        (replace(FRESH, value=6.99), Finding.BELOW),
        (replace(FRESH, value=25.01), Finding.ABOVE),
        (replace(FRESH, value=25.0), Finding.FINE),
        (replace(FRESH, value=7.0), Finding.FINE),
    ],
)
def test_each_reason_has_its_word(newest: NewestValue | None, finding: Finding) -> None:
    assert judge("st/salinity", "salinity", newest, limit(7, 25), NOW, OLDEST).finding is finding


def test_a_tested_value_says_nothing_any_more_once_an_untested_one_is_beyond_the_limit() -> None:
    """The tests stand still for half an hour while salt water comes in."""
    tested = replace(FRESH, time=NOW - timedelta(minutes=30))
    for value, answer in (
        (28.0, Answer.UNKNOWN),
        (None, Answer.UNKNOWN),
        (math.nan, Answer.UNKNOWN),
        (12.0, Answer.YES),
    ):
        found = replace(tested, waiting=replace(FRESH, value=value, quality=2))
        assert answered([(found, limit(7, 25))]).answer is answer
    (why,) = answered([(replace(tested, waiting=replace(FRESH, value=28.0, quality=2)), limit(7, 25))]).reasons
    assert (why.finding, why.newest) == (Finding.UNCHECKED, replace(FRESH, value=28.0, quality=2))


def test_a_station_is_silent_after_a_quarter_of_an_hour() -> None:
    assert hindrance_of(NOW - timedelta(minutes=15), NOW, in_maintenance=False) is Hindrance.NONE
    assert hindrance_of(NOW - timedelta(minutes=15, seconds=1), NOW, in_maintenance=False) is Hindrance.SILENT
    assert hindrance_of(None, NOW, in_maintenance=False) is Hindrance.SILENT
    assert hindrance_of(NOW, NOW, in_maintenance=True) is Hindrance.MAINTENANCE


def semidiurnal(times: Sequence[datetime]) -> list[TidePhase]:
    """A tide of twelve hours: three hours each of high, falling, low and rising water, from midnight UTC on."""
    return [TidePhase(time.hour % 12 // 3) for time in times]


def week(salt: dict[TidePhase, float]) -> dict[datetime, float]:
    ends = [datetime(2026, 11, 24, 3, tzinfo=UTC) - n * HOUR for n in range(7 * 24)]
    return {end: salt[phase] for end, phase in zip(ends, semidiurnal([end - HOUR / 2 for end in ends]), strict=True)}


SALTY_HIGH = {TidePhase.HIGH: 28.0, TidePhase.FALLING: 20.0, TidePhase.LOW: 12.0, TidePhase.RISING: 24.0}


def test_the_likely_hours_are_those_of_phases_in_which_the_water_was_fit() -> None:
    fits = fit_hours([(limit(7, 25), week(SALTY_HIGH))])
    found = outlook(fits, semidiurnal, NOW)
    assert found.word is TideWord.HOURS
    assert found.hours == 168
    day = datetime(2026, 11, 24, tzinfo=UTC)
    assert found.windows == (
        (day.replace(hour=3), day.replace(hour=12)),
        (day.replace(hour=15), day + timedelta(days=1)),
    )
    assert found.shares == {
        TidePhase.HIGH: 0.0, TidePhase.FALLING: 1.0, TidePhase.LOW: 1.0, TidePhase.RISING: 1.0,
    }  # fmt: skip


def test_where_the_tide_cannot_tell_it_says_so() -> None:
    always, never = week(dict.fromkeys(TidePhase, 10.0)), week(dict.fromkeys(TidePhase, 30.0))
    assert outlook(fit_hours([(limit(7, 25), always)]), semidiurnal, NOW).word is TideWord.ALWAYS
    assert outlook(fit_hours([(limit(7, 25), never)]), semidiurnal, NOW).word is TideWord.NEVER
    assert outlook(fit_hours([(limit(7, 25), always)]), None, NOW).word is TideWord.NO_TIDE
    assert outlook({}, semidiurnal, NOW).word is TideWord.FEW
    long_ago = {end - timedelta(days=7): fit for end, fit in fit_hours([(limit(7, 25), week(SALTY_HIGH))]).items()}
    assert outlook(long_ago, semidiurnal, NOW).word is TideWord.FEW
    few = dict(sorted(fit_hours([(limit(7, 25), week(SALTY_HIGH))]).items())[-4 * LEAST_HOURS + 1 :])
    assert outlook(few, semidiurnal, NOW).word is TideWord.FEW


def test_an_hour_with_a_value_that_is_missing_is_known_only_where_another_is_beyond_its_limit() -> None:
    one, two = NOW, NOW - HOUR
    found = fit_hours([(limit(7, 25), {one: 30.0, two: 10.0}), (limit(5, None), {})])
    assert found == {one: False}
    assert fit_hours([(None, {one: 1.0})]) == {}
