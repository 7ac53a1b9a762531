"""Pages for everybody: made once for all who ask; who asks for one that was made a moment ago never waits."""

from __future__ import annotations

import asyncio
import threading
from itertools import count

from dashboards.console.kept_pages import KEPT_S, SPARE_S, KeptPages, NoSuchPage
from tests.fixtures.timing import PATIENCE_S

KEY = ("stations", "st-a")


class Maker:
    """Makes pages with a number while it may."""

    def __init__(self) -> None:
        self.may, self.numbers, self.made = threading.Event(), count(1), 0
        self.may.set()

    def __call__(self) -> tuple[str, str]:
        assert self.may.wait(PATIENCE_S)
        self.made = next(self.numbers)
        return str(self.made), "text/plain"


async def shown(kept: KeptPages, looks: int, at_s: float, make: Maker) -> bytes:
    page = await asyncio.wait_for(kept.page(KEY, looks, at_s, make), PATIENCE_S)
    assert page is not None
    return page.body


async def test_who_asks_for_a_page_that_was_made_a_moment_ago_never_waits_for_the_next_one() -> None:
    kept, make = KeptPages(), Maker()
    assert await shown(kept, 1, 0, make) == b"1"
    assert await shown(kept, 1, KEPT_S - 1, make) == b"1"
    make.may.clear()
    asked = [(2, 1.0), (2, KEPT_S), (2, KEPT_S + SPARE_S - 1)] * 20
    assert {await shown(kept, looks, at_s, make) for looks, at_s in asked} == {b"1"}
    make.may.set()
    page = await kept.page(KEY, 2, KEPT_S + SPARE_S, make)  # waits for the one that is being made
    assert page is not None
    assert page.body == b"2"
    assert make.made == 2, "of sixty who asked one had it made"


async def test_all_who_come_after_a_while_get_one_new_page() -> None:
    kept, make = KeptPages(), Maker()
    assert await shown(kept, 1, 0, make) == b"1"
    found = await asyncio.gather(*(shown(kept, 1, KEPT_S + SPARE_S, make) for _ in range(100)))
    assert set(found) == {b"2"}


async def test_a_page_of_something_that_is_gone_is_shown_no_more() -> None:
    kept, make = KeptPages(), Maker()
    assert await shown(kept, 1, 0, make) == b"1"

    def gone() -> tuple[str, str]:
        raise NoSuchPage("gone")

    later = KEPT_S + SPARE_S
    assert await asyncio.wait_for(kept.page(KEY, 2, later, gone), PATIENCE_S) is None
    assert await shown(kept, 2, later, make) == b"2"
