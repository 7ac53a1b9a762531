"""The parts that all pages and requests share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any, Final, Protocol

from psycopg_pool import ConnectionPool

from alerts.telling.links import Links
from dashboards.console.hub import Hub
from dashboards.console.limit_lines import LimitLine
from dashboards.console.provider import ProviderSettings
from dashboards.console.public_reader import PublicReader
from dashboards.console.rule_library import RuleLibrary
from dashboards.console.tide_table import TideTable
from dashboards.console.token_guesses import TokenGuesses
from dashboards.console.watcher import Watcher
from quantrac.config.config_folder import ConfigFolder
from quantrac.config.network import MapTiles
from quantrac.config.settings import Settings
from quantrac.config.stations import Station
from quantrac.database.pool import Connect, Connection
from quantrac.desks.roles import Role
from quantrac.desks.sessions import SessionLimits
from quantrac.desks.totp import Seal
from quantrac.telemetry.errors import TranslatableError

LONG_READS: Final = 2
"""Reads of months at a time: they leave connections to everybody else."""
PLACE_KEPT_S: Final = 135.0
"""How long the place of whoever waits for a trial is kept since they last asked."""
PATIENCE_S: Final = 2.0
"""Longest wait for the turn of a long read or a trial."""


class LongReadsBusy(TranslatableError):
    """So many read months at this moment that this request did not get its turn."""


class TrialTurns:
    """Who may try rules: one at a time, since another long read must stay free beside it; whoever waits goes first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_taken = False
        self._waiting: dict[str, float] = {}

    def take(self, account: str, at_s: float) -> bool:
        """Take the turn; False: another trial runs, or somebody else waits for longer. `at_s`: any steady clock."""
        with self._lock:
            self._waiting = {who: asked_s for who, asked_s in self._waiting.items() if asked_s > at_s - PLACE_KEPT_S}
            self._waiting[account] = at_s
            if self._is_taken or next(iter(self._waiting)) != account:
                return False
            del self._waiting[account]
            self._is_taken = True
            return True

    def put_first(self, account: str, at_s: float) -> None:
        """Let an account whose turn came to nothing go first again."""
        with self._lock:
            self._waiting = {account: at_s} | self._waiting

    def give_back(self) -> None:
        """End the turn."""
        with self._lock:
            self._is_taken = False


class StationCommand(Protocol):
    """Gives a station a command."""

    def __call__(
        self, connect: Connect, station: str, order: Mapping[str, Any], *, person: str, reason: str
    ) -> Mapping[str, Any]:
        """Return the station's answer; raises QuantracError where there is none."""
        ...


class StationPush(Protocol):
    """Sends a station its configuration, by a link that is made already."""

    def __call__(self, connect: Connect, station: Station, *, person: str, reason: str) -> Mapping[str, Any]:
        """Return the agent's answer, minutes later; raises QuantracError where there is none."""
        ...


@dataclass(frozen=True)
class AdmissionRules:
    """The rules of coming in, from the settings."""

    anonymous: Role | None
    """What whoever has not signed in may be; None: nobody."""
    limits: SessionLimits
    seal: Seal | None = None
    """What the secrets of second factors are sealed with; None: nobody can have one."""
    provider: ProviderSettings | None = None
    """The OpenID Connect provider, by which people may come in."""
    passwords: bool = True
    """People may come in by passwords."""

    @classmethod
    def of(cls, settings: Settings) -> AdmissionRules:
        """Return the rules that the settings give. Raises MissingSetting, BadSetting."""
        limits = SessionLimits(
            timedelta(minutes=settings.console_idle_minutes), timedelta(hours=settings.console_session_hours)
        )
        anonymous = None if settings.console_anonymous is None else Role(settings.console_anonymous)
        key = settings.account_key
        seal = None if key is None else Seal(key.get_secret_value())
        return cls(anonymous, limits, seal, ProviderSettings.of(settings), settings.console_passwords)


@dataclass(frozen=True)
class Console:
    """Database, stream, watcher and clock, and what the settings allow beside them."""

    pool: ConnectionPool[Connection]
    hub: Hub
    watcher: Watcher
    clock: Callable[[], datetime]
    rules: AdmissionRules
    links: Links | None = None
    """What opens the links in mails; None: the settings name no public address."""
    command: StationCommand | None = None
    """Gives stations commands; None: the settings name no keys."""
    grafana: str | None = None
    """Where the pages lead to Grafana's dashboards; None: the settings name no Grafana."""
    tiles: MapTiles | None = None
    """Whose pictures lie over the map's own coast, from the console's start on."""
    tides: TideTable = field(default_factory=TideTable)
    limits: Callable[[str], Sequence[LimitLine]] = lambda _: ()
    """Returns the lines that rules draw on a channel."""
    library: Callable[[], RuleLibrary | None] = lambda: None
    """Returns the rules in force; None: no files could be read."""
    files: ConfigFolder = field(default_factory=lambda: ConfigFolder(Path("nowhere")))
    """The files of the configuration."""
    editable: bool = False
    """People may change the files."""
    push: Callable[[str], StationPush] | None = None
    """Makes the link to a station; raises QuantracError where there can be none. None: the settings name no keys."""
    guesses: TokenGuesses = field(default_factory=TokenGuesses)
    """Wrong tokens of programs."""
    pushing: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """Station to which a thread sends its configuration → by whom and since when."""
    long_reads: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(LONG_READS))
    """The turns of long reads."""
    trials: TrialTurns = field(default_factory=TrialTurns)
    readers: ConnectionPool[Connection] | None = None
    """Connections of programs that read; None: those of the pages."""
    public: PublicReader = field(default_factory=PublicReader)
    """The figures of the public pages."""
    public_rate: float = 600.0
    """How many of those one address may ask for in a minute."""
    public_url: str | None = None
    """Where people reach the pages; None: under the name by which the request came."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection to what programs ask."""
        return (self.readers or self.pool).connection()

    @contextmanager
    def trial_turn(self, account: str) -> Iterator[None]:
        """Hold the turn of a trial of rules. Raises LongReadsBusy."""
        until = time.monotonic() + PATIENCE_S
        while not self.trials.take(account, time.monotonic()):
            if time.monotonic() >= until:
                raise LongReadsBusy("another trial runs or comes first: try again in two minutes, your place is kept")
            time.sleep(0.1)
        try:
            yield
        except LongReadsBusy:
            self.trials.put_first(account, time.monotonic())
            raise
        finally:
            self.trials.give_back()

    @contextmanager
    def long_read(self) -> Iterator[Connection]:
        """Give a connection to read months with. Raises LongReadsBusy."""
        if not self.long_reads.acquire(timeout=PATIENCE_S):
            raise LongReadsBusy("others read long stretches of time at this moment: try again")
        try:
            with self.pool.connection() as conn:
                yield conn
        finally:
            self.long_reads.release()
