"""Fixtures of the alerts' tests: a clock that stands still, and catchers of what people are sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quantrac.private_services.catchers import MailCatcher, SmsCatcher
from tests.integration.alerts.centre import Clock


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
