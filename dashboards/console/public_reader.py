"""Reads the figures of the public pages now and then by a connection of its own, which can do nothing but read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from quantrac.config.network import Network
from quantrac.config.public import PublicPages
from quantrac.database.migration import connect_migrated
from quantrac.database.outage import persist
from quantrac.database.pool import Connection
from reports.public.figure_reader import be_reader, read_figures
from reports.public.figures import PublicFigures

EVERY_S: Final = 15.0
NOTHING_YET_S: Final = 0.5
"""Between looks for files that have not been read."""


class PublicReader:
    """The figures as they were read last; where the database is away they stay, with their age."""

    def __init__(self, database_url: str | None = None, network: Callable[[], Network | None] = lambda: None) -> None:
        self._url, self._network = database_url, network
        self.figures: PublicFigures | None = None
        """None: nothing was read yet."""
        self.looks = 0
        """How often figures were read."""

    def public(self) -> tuple[Network, PublicPages] | None:
        """Return the network and what of it is public; None: nothing is, or no files were read."""
        network = self._network()
        return None if network is None or network.settings.public is None else (network, network.settings.public)

    def look(self, conn: Connection, now: datetime) -> None:
        """Read the figures once, where something is public."""
        if (found := self.public()) is not None:
            self.figures = read_figures(conn, *found, now)
            self.looks += 1

    def follow(self, clock: Callable[[], datetime], stop: threading.Event) -> None:
        """Read them now and then until stopped; whatever goes wrong is logged and tried again.

        Pages without a reader would say "cannot say" until somebody begins the console anew.
        """

        def watch() -> None:
            assert self._url is not None
            with connect_migrated(self._url, "public") as conn:
                be_reader(conn)
                while not stop.is_set():
                    self.look(conn, clock())
                    stop.wait(NOTHING_YET_S if self.public() is None else EVERY_S)

        persist(watch, "public", stop=stop, also=(Exception,))
