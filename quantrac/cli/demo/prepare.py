"""What the database must know before the first reading comes: tables, stations, contacts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from alerts.people.contacts import contacts_of, save_contacts
from quantrac.config.network import Network
from quantrac.database.migrate import migrate
from quantrac.database.pool import connect
from quantrac.database.tuning import tune
from quantrac.desks.network import apply_network

PERSON: Final = "quantrac demo"


def prepare_database(url: str, network: Network) -> None:
    """Bring the database to the newest schema and apply the network: `db migrate`, `db tune`, `stations apply`."""
    migrate(url)
    now = datetime.now(UTC)
    with connect(url, PERSON) as conn:
        tune(conn)
        apply_network(conn, network, PERSON, now)
        save_contacts(conn, contacts_of(network), now, PERSON)
