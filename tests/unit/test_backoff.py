"""The pauses between one try and the next."""

from quantrac.backoff import Backoff


def test_waits_double_up_to_a_bound_and_jitter_takes_at_most_half() -> None:
    longest, shortest = Backoff(1, 10, chance=lambda: 1.0), Backoff(1, 10, chance=lambda: 0.0)
    assert [longest.next_wait_s() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    assert [shortest.next_wait_s() for _ in range(3)] == [0.5, 1, 2]
    longest.reset()
    assert longest.next_wait_s() == 1


def test_the_wait_doubles_when_every_place_has_failed() -> None:
    waits = Backoff(1, 10, chance=lambda: 1.0, places=3)
    assert [waits.next_wait_s() for _ in range(7)] == [1, 1, 1, 2, 2, 2, 4]
