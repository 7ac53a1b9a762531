"""The pauses between one try and the next."""

import pytest

from quantrac.backoff import Backoff
from quantrac.mqtt.session import wait_after_try, waits_while_away


def test_waits_double_up_to_a_bound_and_jitter_takes_at_most_half() -> None:
    longest, shortest = Backoff(1, 10, chance=lambda: 1.0), Backoff(1, 10, chance=lambda: 0.0)
    assert [longest.next_wait_s() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    assert [shortest.next_wait_s() for _ in range(3)] == [0.5, 1, 2]
    longest.reset()
    assert longest.next_wait_s() == 1


def test_the_wait_doubles_when_every_place_has_failed() -> None:
    waits = Backoff(1, 10, chance=lambda: 1.0, places=3)
    assert [waits.next_wait_s() for _ in range(7)] == [1, 1, 1, 2, 2, 2, 4]


@pytest.mark.parametrize("brokers", [1, 2, 3])
def test_however_long_brokers_were_away_each_is_tried_again_within_seven_seconds(brokers: int) -> None:
    waits = waits_while_away(brokers)
    for _ in range(100):
        assert sum(waits.next_wait_s() for _ in range(brokers)) <= 7


@pytest.mark.parametrize(("tried_s", "waited_s"), [(0.0, 7.0), (2.0, 5.0), (7.0, 0.0), (10.0, 0.0)])
def test_a_try_counts_as_part_of_the_longest_wait(tried_s: float, waited_s: float) -> None:
    waits = Backoff(longest_s=7, chance=lambda: 1.0)
    assert [wait_after_try(waits, tried_s) for _ in range(9)][-1] == waited_s


def test_the_first_wait_after_a_short_try_is_short() -> None:
    assert wait_after_try(Backoff(longest_s=7, chance=lambda: 1.0), 3.0) == 0.5
