"""Fixtures of the alerts' tests: the shipped network, a clock that stands still, catchers of what people are sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.database.pool import Connection, connect
from quantrac.private_services.catchers import MailCatcher, SmsCatcher
from tests.fixtures.program import PROJECT
from tests.integration.alerts.centre import Clock, add_network, saying


@pytest.fixture(scope="session")
def network() -> Network:
    """The shipped network, without quiet hours."""
    return saying(load_network(PROJECT / "station_configs"), quiet_hours=None)


@pytest.fixture
def other(database: str) -> Iterator[Connection]:
    """A connection of the worker that is tested."""
    with connect(database, "test worker") as connection:
        yield connection


@pytest.fixture
def channel_id(conn: Connection) -> int:
    """The oxygen channel of the centre's station."""
    return add_network(conn)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sms() -> Iterator[SmsCatcher]:
    with SmsCatcher() as catcher:
        yield catcher


@pytest.fixture
def mail() -> Iterator[MailCatcher]:
    with MailCatcher() as catcher:
        yield catcher
