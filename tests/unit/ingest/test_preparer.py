"""A wait for the next batch ends when its time is over, however short it is."""

import threading

from ingest.receiving.inbox import Inbox
from ingest.receiving.preparer import Prepared, Preparer
from ingest.receiving.registry import Registry
from tests.fixtures.timing import ended

TIMES = 20_000


def registry() -> Registry:
    raise AssertionError("nothing is prepared")


def test_a_wait_that_is_over_before_it_has_begun_does_end() -> None:
    """`SimpleQueue.get` of Python 3.11 and 3.12 waits for ever where its time ends while it takes its lock."""
    preparer, taken = Preparer(Inbox(lambda: 0), registry), list[bool]()

    def take() -> None:
        for _ in range(TIMES):
            preparer._ready.put(Prepared([], None))
            taken.append(preparer.take(1.0) is not None and preparer.take(1e-6) is None)

    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    ended(taking)
    assert taken == [True] * TIMES
