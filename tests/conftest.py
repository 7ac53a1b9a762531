"""What every test may ask for: private servers, free ports, a breakable line."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from quantrac.database import audit
from quantrac.private_services import ports
from tests.fixtures import workers
from tests.fixtures.workers import pytest_testnodedown, pytest_xdist_make_scheduler

__all__ = ["pytest_testnodedown", "pytest_xdist_make_scheduler"]  # pytest finds them here

settings.register_profile("same", deadline=None, derandomize=True)  # a busy machine is no finding
settings.register_profile("new", deadline=None, print_blob=True)

pytest_plugins = [
    "tests.fixtures.broker",
    "tests.fixtures.party",
    "tests.fixtures.postgres",
    "tests.fixtures.proxy",
    "tests.fixtures.console",  # uses what stands above
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the user name a server with TimescaleDB's Community edition, which Debian does not have."""
    parser.addoption(
        "--community", metavar="URL", help="also run the tests that need TimescaleDB Community, on this server"
    )
    parser.addoption("--laws", choices=["same", "new"], default="same", help="examples and chances of the tests")
    parser.addoption("--timed", choices=["only", "without"], help="only the tests marked ``timed``, or all others")


def pytest_configure(config: pytest.Config) -> None:
    """Choose before any test module is read: a test's own settings build on the profile."""
    settings.load_profile(config.getoption("--laws"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let the workers of a whole run compile the modules together, not each all of them."""
    if session.config.getoption("--timed") != "only":
        workers.read_ahead(session.config)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Spare the few timed tests the import of all other modules."""
    if config.getoption("--timed") != "only" or not collection_path.match("test_*.py"):
        return None
    return "mark.timed" not in collection_path.read_text("utf-8") or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and leave out what was not asked for; nothing is skipped for want of a server."""
    chosen: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in workers.in_order(items):
        (chosen if _is_asked_for(config, item) else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    items[:] = chosen


def _is_asked_for(config: pytest.Config, item: pytest.Item) -> bool:
    if item.get_closest_marker("community") and not config.getoption("--community"):
        return False
    timed = item.get_closest_marker("timed") is not None
    return config.getoption("--timed") in (None, "only" if timed else "without")


@pytest.fixture(autouse=True)
def own_way() -> Iterator[None]:
    """Let acts of a test come as of a service, also behind a test whose commands ran in this process."""
    with audit.coming(audit.Origin("service")):
        yield


@pytest.fixture(scope="session")
def community_url(pytestconfig: pytest.Config) -> str:
    """Address of the user's own server with the Community edition; for tests marked ``community``."""
    return str(pytestconfig.getoption("--community"))


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A maker of free ports of 127.0.0.1: ``free_port()`` inside the test."""
    return ports.free_port


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the caller's own QUANTRAC_… variables out of the tests."""
    for name in [name for name in os.environ if name.startswith("QUANTRAC_")]:
        monkeypatch.delenv(name)
