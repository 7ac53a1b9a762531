"""A shelved alarm is recorded and told to nobody; what still stands when the shelf ends is told once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts import desk
from alerts.evaluating.evaluator import Evaluator
from alerts.telling.messages import tell_withheld
from alerts.telling.routes import Routing
from quantrac.config.network import Network
from quantrac.database.pool import Connection
from tests.integration.alerts.centre import CHANNEL, ROUTING, START, START_MS, add_network, rows, store
from tests.unit.alerts.rules import MINUTE, oxygen_rule
from tests.unit.alerts.series import read_series

HOUR = timedelta(hours=1)
TOLD = "select purpose, count(*) from notification group by 1 order by 1"


@pytest.fixture
def shelved(conn: Connection) -> int:
    """An alarm that rose, was told, was shelved for three hours and is over; its channel is still shelved."""
    channel_id = add_network(conn)
    course(conn, channel_id, "2.8x10")
    (row,) = desk.alarms(conn)
    desk.shelve(conn, row.alarm_id, "lan", "sensor is being cleaned", START + 3 * HOUR, START)
    assert desk.alarm(conn, row.alarm_id).state == "shelved"
    course(conn, channel_id, "2.8x10 4.6x40")
    assert rows(conn, TOLD) == [("cleared", 2), ("raised", 2)]
    return channel_id


def course(conn: Connection, channel_id: int, series: str) -> None:
    """Store the whole series again from START, what is new of it, and evaluate."""
    samples = read_series(series, MINUTE, start_ms=START_MS)
    known = rows(conn, "select count(*) from reading")[0][0]
    store(conn, channel_id, samples[known:])
    worker = Evaluator(conn, {CHANNEL: [oxygen_rule()]}, ROUTING, lambda: START + HOUR)
    while worker.round():
        pass


def test_a_new_alarm_of_a_shelved_channel_is_recorded_and_told_when_the_shelf_ends(
    conn: Connection, shelved: int, network: Network
) -> None:
    course(conn, shelved, "2.8x10 4.6x40 2.8x20")
    (row,) = desk.alarms(conn)
    assert (row.state, rows(conn, TOLD)) == ("shelved", [("cleared", 2), ("raised", 2)])
    assert tell_withheld(conn, Routing.of(network), START + 2 * HOUR) == 0
    assert tell_withheld(conn, Routing.of(network), START + 3 * HOUR) == 1
    assert tell_withheld(conn, Routing.of(network), START + 3 * HOUR) == 0
    assert desk.alarm(conn, row.alarm_id).state == "unacknowledged"
    assert rows(conn, TOLD)[1][1] > 2
    assert [e.event for e in desk.history(conn, row.alarm_id)] == ["raised", "withheld", "unshelved", "told"]


def test_what_is_over_before_the_shelf_ends_is_told_to_nobody(conn: Connection, shelved: int, network: Network) -> None:
    course(conn, shelved, "2.8x10 4.6x40 2.8x20 4.6x40")
    assert tell_withheld(conn, Routing.of(network), START + 3 * HOUR) == 0
    assert rows(conn, TOLD) == [("cleared", 2), ("raised", 2)]
    assert rows(conn, "select count(*) from v_shelf") == [(0,)]


def test_a_shelf_ends_early_by_hand(conn: Connection, shelved: int, network: Network) -> None:
    course(conn, shelved, "2.8x10 4.6x40 2.8x20")
    (row,) = desk.alarms(conn)
    desk.unshelve(conn, row.alarm_id, "lan", "cleaned", START + HOUR)
    assert desk.alarm(conn, row.alarm_id).state == "unacknowledged"
    assert tell_withheld(conn, Routing.of(network), START + HOUR) == 1
    with pytest.raises(desk.DeskRefused, match="is not shelved"):
        desk.unshelve(conn, row.alarm_id, "lan", None, START + HOUR)


@pytest.mark.parametrize("until", [timedelta(0), timedelta(days=7, seconds=1)])
def test_a_shelf_has_an_end_within_a_week(conn: Connection, shelved: int, until: timedelta) -> None:
    with pytest.raises(desk.DeskRefused, match="at most 7 days"):
        desk.shelve(conn, 1, "lan", "for good", START + until, START)
