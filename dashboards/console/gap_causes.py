"""Causes of the gaps on the page of the open shift: found out while nobody waits for them.

The causes of a station's gaps take longer to find out than anything else on the page: each reading of a day is looked
at. A page is sent with those that are known, and asks again for the others.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Final

import psycopg

from dashboards.console.context import Console
from quantrac.database.pool import one_line
from quantrac.desks import shift
from quantrac.desks.shift_content import Causes, ItemKind, ShiftContent, with_causes
from quantrac.desks.shift_rows import EXPLAINED
from quantrac.observe.logs import logger

FRESH_S: Final = 60.0
"""The last minute of a day hardly changes why it has gaps."""
KEPT_S: Final = 180.0
"""How long causes are shown while they are found out anew."""

log = logger(__name__)


class GapCauses:
    """What is known of the causes of gaps, by station."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._found: dict[str, tuple[int, float, Causes]] = {}
        """By station: shift, when they were found out, causes."""
        self._finding = threading.Lock()

    def added(self, content: ShiftContent) -> ShiftContent:
        """Return a page with the causes that are known."""
        return replace(content, items=with_causes(content.items, self._known(content, KEPT_S)))

    def lacking(self, content: ShiftContent) -> list[str]:
        """Return the worst stations of a page whose causes are not known, or are no longer fresh."""
        known = self._known(content, FRESH_S)
        worst = (str(item.station) for item in content.of(ItemKind.GAPS)[:EXPLAINED])
        return [station for station in worst if station not in known]

    def find_out(self, content: ShiftContent) -> None:
        """Find them out; whoever comes meanwhile waits and finds them known."""
        with self._finding:
            self._find_out(content)

    def find_out_later(self, content: ShiftContent) -> None:
        """Find them out when the page was sent, unless somebody does already."""
        if not self._finding.acquire(blocking=False):
            return
        try:
            self._find_out(content)
        except psycopg.OperationalError as error:  # the page asks again
            log.warning("gap_causes_not_found", error=one_line(error))
        finally:
            self._finding.release()

    def _find_out(self, content: ShiftContent) -> None:
        for station in self.lacking(content):
            with self._console.pool.connection() as conn:
                causes = shift.gap_causes(conn, content, station)
            self._found[station] = content.shift_id, time.monotonic(), causes

    def _known(self, content: ShiftContent, within_s: float) -> dict[str, Causes]:
        """Return those of this shift: the gaps before it are none of its own."""
        since, of_shift = time.monotonic() - within_s, content.shift_id
        return {name: causes for name, (of, at, causes) in [*self._found.items()] if of == of_shift and at > since}
