"""Pages for everybody that are made once for all who ask within a few seconds, while nobody waits who need not."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from quantrac.telemetry.errors import QuantracError

KEPT_S: Final = 10.0
"""How long a page is shown as it was made."""
SPARE_S: Final = 5.0
"""So much longer it is shown to those who come while the next one is made."""
MOST_KEPT: Final = 5000
PageKey = tuple[str, ...]
Made = Callable[[], tuple[str, str]]
"""Makes a page: its text and its media type. Raises NoSuchPage."""


class NoSuchPage(QuantracError):
    """There is nothing to make a page of."""


@dataclass(frozen=True)
class KeptPage:
    """A page as it is sent."""

    made_at_s: float
    looks: int
    body: bytes
    packed: bytes
    etag: str
    kind: str


class KeptPages:
    """Pages that were made a moment ago; of one event loop.

    One thread makes pages, each once for all who ask. Meanwhile they get the page before it; who asks for one that was
    not asked for of late waits, and holds no thread: those of the console's other pages are never taken.
    """

    def __init__(self) -> None:
        self._pages: dict[PageKey, KeptPage] = {}
        self._making: dict[PageKey, asyncio.Task[KeptPage | None]] = {}
        self._thread = ThreadPoolExecutor(1, "kept-pages")

    async def page(self, key: PageKey, looks: int, at_s: float, made: Made) -> KeptPage | None:
        """Return a page of the newest figures, or of those just before them; None: there is none.

        `at_s`: a steady clock; `looks`: how often figures were read.
        """
        page = self._pages.get(key)
        age_s = math.inf if page is None else at_s - page.made_at_s
        if page is not None and page.looks == looks and age_s < KEPT_S:
            return page
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, looks, at_s, made))
        return page if age_s < KEPT_S + SPARE_S else await asyncio.shield(task)

    async def _make(self, key: PageKey, looks: int, at_s: float, made: Made) -> KeptPage | None:
        try:
            page = await asyncio.get_running_loop().run_in_executor(self._thread, _packed, looks, at_s, made)
        except NoSuchPage:
            self._pages.pop(key, None)
            return None
        finally:
            del self._making[key]
        if len(self._pages) >= MOST_KEPT:
            self._pages.clear()
        self._pages[key] = page
        return page


def _packed(looks: int, at_s: float, made: Made) -> KeptPage:
    text, kind = made()
    body = text.encode()
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
    return KeptPage(at_s, looks, body, gzip.compress(body, mtime=0), etag, kind)
