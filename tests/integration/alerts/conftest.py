"""Fixtures of the alerts' tests: the shipped network, a clock that stands still, catchers of what people are sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.private_services.catchers import MailCatcher, SmsCatcher
from tests.fixtures.program import PROJECT
from tests.integration.alerts.centre import Clock, saying


@pytest.fixture(scope="session")
def network() -> Network:
    """The shipped network, without quiet hours."""
    return saying(load_network(PROJECT / "station_configs"), quiet_hours=None)


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
