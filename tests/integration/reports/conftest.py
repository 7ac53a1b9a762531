"""The same small network as the database's tests, and a server of Zalo as the carriers' tests have it."""

from tests.integration.alerts.test_carriers import server as zalo
from tests.integration.database.conftest import world

__all__ = ["world", "zalo"]
