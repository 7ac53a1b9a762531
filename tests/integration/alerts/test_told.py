"""What people get in the end, from the reading to what the carrier is handed."""

from __future__ import annotations

import pytest

from alerts.evaluating.evaluator import Evaluator
from alerts.people.links import Links
from alerts.rules.series import read_series
from alerts.telling.dressing import dresser
from alerts.telling.notifier import Outgoing
from alerts.telling.outbox import Sender
from alerts.telling.routing import Medium
from quantrac.database.pool import Connection
from tests.integration.alerts.centre import CHANNEL, ROUTING, START, START_MS, add_network, store
from tests.unit.alerts.rules import MINUTE, oxygen_rule


class Carrier:
    """Keeps what it is handed."""

    name = "kept"

    def __init__(self) -> None:
        self.kept: list[Outgoing] = []

    def send(self, message: Outgoing) -> str | None:
        self.kept.append(message)
        return None

    def close(self) -> None:
        pass


def handed_over(conn: Connection, medium: Medium, links: Links | None = None) -> list[Outgoing]:
    """Hand over what is queued and return it."""
    carrier = Carrier()
    sender = Sender("", medium, carrier, lambda: START, dresser(links, lambda: START))
    while sender.send_one(conn):
        pass
    return carrier.kept


def test_a_mail_about_an_alarm_has_the_course_of_the_day_and_a_link_to_acknowledge_by(conn: Connection) -> None:
    channel_id = add_network(conn)
    store(conn, channel_id, read_series("4.6x60 2.8x10", MINUTE, start_ms=START_MS))
    while Evaluator(conn, {CHANNEL: [oxygen_rule()]}, ROUTING, lambda: START).round():
        pass
    (letter,) = handed_over(conn, Medium.EMAIL, Links("https://quantrac.example.vn", "geheim"))
    assert letter.facts["link"].startswith("https://quantrac.example.vn/a/1.2.")
    assert letter.facts["course"][-1][1] == pytest.approx(2.8)
    assert (letter.facts["severity"], letter.facts["limit"]) == ("high", 3.0)
