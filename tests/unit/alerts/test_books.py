"""When the books of a station are worth an alarm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alerts.watchdogs.books import StationBooks, Trouble, Watched, trouble, watched

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def book(missing: int = 0, lost: int = 0, *, adds_up: bool = True, silent: bool = False) -> StationBooks:
    return StationBooks("st-a", silent, adds_up, missing, lost)


def after(books: list[StationBooks], every: timedelta = HOUR / 2) -> Trouble | None:
    """Ask for each book, `every` apart, and return the last verdict at an hour's patience."""
    memory, now, found = Watched(), NOW, None
    for one in books:
        memory = watched(one, memory, now)
        found = trouble(one, memory, HOUR, now)
        now += every
    return found


def test_messages_missing_for_an_hour_without_becoming_fewer_are_an_alarm() -> None:
    assert after([book(5), book(5)]) is None
    assert after([book(5), book(5), book(5)]) is Trouble.MISSING
    assert after([book(5), book(5), book(7)]) is Trouble.MISSING
    assert after([book(5), book(0), book(5)]) is None


def test_a_backlog_that_is_being_drained_is_none() -> None:
    assert after([book(900 - 10 * i) for i in range(60)]) is None
    assert after([book(900), book(800), book(800), book(800)]) is Trouble.MISSING


def test_a_silent_station_has_an_alarm_of_its_own() -> None:
    assert after([book(5, silent=True)] * 9) is None


def test_books_that_do_not_add_up_are_an_alarm_whatever_is_missing() -> None:
    assert after([book(adds_up=False)] * 3) is Trouble.UNBALANCED
    assert after([book(9 - i, adds_up=False, silent=True) for i in range(3)]) is Trouble.UNBALANCED


def test_lost_messages_are_told_at_once_and_for_a_day() -> None:
    assert after([book(lost=3)]) is Trouble.LOST
    assert after([book(lost=3)] * 47) is Trouble.LOST
    assert after([book(lost=3)] * 49) is None
    assert after([book(lost=3)] * 49 + [book(lost=4)]) is Trouble.LOST


def test_lost_messages_are_told_at_once_also_while_as_many_others_are_missing() -> None:
    """As when the spool drops its oldest while the station does not send."""
    assert after([book(5), book(5), book(5), book(5, lost=3)]) is Trouble.LOST
    assert after([book(5)] * 3 + [book(7, lost=3)] * 49) is Trouble.MISSING
    assert after([book(5)] * 3 + [book(7, lost=3, adds_up=False)]) is Trouble.UNBALANCED
