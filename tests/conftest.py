"""What every test may ask for: private servers, free ports, a breakable line."""

import os
from collections.abc import Callable

import pytest

from quantrac.private_services import ports

pytest_plugins = ["tests.fixtures.broker", "tests.fixtures.postgres", "tests.fixtures.proxy"]


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A maker of free ports of 127.0.0.1: ``free_port()`` inside the test."""
    return ports.free_port


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the caller's own QUANTRAC_… variables out of the tests."""
    for name in [name for name in os.environ if name.startswith("QUANTRAC_")]:
        monkeypatch.delenv(name)
