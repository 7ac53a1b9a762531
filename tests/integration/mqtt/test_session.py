"""The session against a real Mosquitto: what cost others their data does not cost us ours."""

import threading
import time
from collections.abc import Iterator

import pytest

from quantrac.mqtt import Outcome, Retained, SettledPublish, Subscription, Subscriptions, Will
from quantrac.mqtt.connection import FILTERS_A_PACKET
from quantrac.mqtt.delivery import NO_MATCHING_SUBSCRIBERS
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.place import private_folder
from tests.fixtures.party import Meet, Party
from tests.fixtures.program import PROJECT
from tests.fixtures.proxy import TcpProxy
from tests.fixtures.timing import eventually

TOPIC = "quantrac/v1/st-test/readings"


def edge(meet: Meet, broker: PrivateMosquitto, **more: object) -> Party:
    return meet(broker.url("st-test"), "edge", **more)


def centre(meet: Meet, broker: PrivateMosquitto, **more: object) -> Party:
    return meet(broker.url("ingest"), "centre", subscriptions=[Subscription("quantrac/v1/+/readings")], **more)


@pytest.fixture
def another_broker() -> Iterator[PrivateMosquitto]:
    """A second broker, for sessions that know several."""
    with (
        private_folder(PROJECT, "tests-broker-") as folder,
        PrivateMosquitto(folder / "mq", stations=["st-test"]) as mosquitto,
    ):
        yield mosquitto


def test_payloads_arrive_whole_and_in_order_and_are_settled_with_their_tags(
    meet: Meet, broker: PrivateMosquitto
) -> None:
    sender, receiver = edge(meet, broker), centre(meet, broker, receive_maximum=1000)
    payloads = [bytes([n % 256]) * (n * 37 % 3000) for n in range(900)]
    for number, payload in enumerate(payloads):
        sender.session.publish(TOPIC, payload, number)
    eventually(lambda: len(receiver.messages) == 900)
    eventually(lambda: len(sender.settled) == 900)
    assert [each.payload for each in receiver.messages] == payloads
    assert {(each.outcome, each.reason) for each in sender.settled} == {(Outcome.DELIVERED, 0)}
    assert sorted(each.tag for each in sender.settled) == list(range(900))  # type: ignore[type-var]


def test_nobody_listening_is_not_delivery(meet: Meet, broker: PrivateMosquitto) -> None:
    sender = edge(meet, broker)
    sender.session.publish(TOPIC, b"x", "tag")
    eventually(lambda: sender.settled == [SettledPublish("tag", Outcome.NO_SUBSCRIBER, 0x10)])


def test_other_subscriptions_begin_before_the_old_ones_end(meet: Meet, broker: PrivateMosquitto) -> None:
    """So many topics that they take several packets, back and forth while messages come; then none of this station."""
    sender, receiver = edge(meet, broker), centre(meet, broker, receive_maximum=10_000)
    named = [TOPIC, *(f"quantrac/v1/st-{n}/readings" for n in range(2 * FILTERS_A_PACKET))]
    of_all = [Subscription("quantrac/v1/+/readings")]
    one_by_one = Subscriptions([Subscription(each, retained=Retained.NEVER) for each in named], [of_all[0].topic])
    for number in range(300):
        if number % 30 == 0:
            receiver.session.subscribe(Subscriptions(of_all, named) if number % 60 else one_by_one)
        sender.session.publish(TOPIC, b"%d" % number)
    eventually(lambda: len(sender.settled) == 300)
    assert {each.outcome for each in sender.settled} == {Outcome.DELIVERED}
    eventually(lambda: {each.payload for each in receiver.messages} == {b"%d" % number for number in range(300)})
    receiver.session.subscribe(Subscriptions([Subscription(named[-1])], [of_all[0].topic, TOPIC]))
    eventually(lambda: sender.say(TOPIC) == NO_MATCHING_SUBSCRIBERS)


def test_what_is_not_acknowledged_stays_within_the_receive_maximum(meet: Meet, broker: PrivateMosquitto) -> None:
    sender, receiver = edge(meet, broker), centre(meet, broker, receive_maximum=10)
    for number in range(50):
        sender.session.publish(TOPIC, b"%d" % number)
    eventually(lambda: len(receiver.messages) == 10)
    time.sleep(0.3)
    assert len(receiver.messages) == 10
    receiver.acknowledge(*receiver.messages[:4])
    eventually(lambda: len(receiver.messages) == 14)
    assert [each.payload for each in receiver.messages] == [b"%d" % number for number in range(14)]


def test_what_was_not_acknowledged_comes_again_after_a_restart_of_the_client(
    meet: Meet, broker: PrivateMosquitto
) -> None:
    sender, receiver = edge(meet, broker), centre(meet, broker)
    for number in range(5):
        sender.session.publish(TOPIC, b"%d" % number)
    eventually(lambda: len(receiver.messages) == 5)
    receiver.acknowledge(*receiver.messages[:2])
    receiver.session.stop()
    sender.session.publish(TOPIC, b"5")
    eventually(lambda: len(sender.settled) == 6)
    again = centre(meet, broker)
    assert again.connects[0].session_present
    eventually(lambda: [each.payload for each in again.messages] == [b"2", b"3", b"4", b"5"])


def test_the_first_session_is_durable_through_a_clean_restart_of_the_broker(
    meet: Meet, broker: PrivateMosquitto
) -> None:
    sender, receiver = edge(meet, broker), centre(meet, broker)
    receiver.session.stop()
    sender.session.publish(TOPIC, b"kept")
    eventually(lambda: [each.outcome for each in sender.settled] == [Outcome.DELIVERED])
    broker.stop()
    broker.start()
    again = centre(meet, broker)
    assert again.connects[0].session_present
    eventually(lambda: [each.payload for each in again.messages] == [b"kept"])


def test_the_broker_keeps_more_than_a_thousand_messages_for_a_session_that_is_away(
    meet: Meet, broker: PrivateMosquitto
) -> None:
    """Mosquitto's default drops the 1,001st and says success all the same."""
    sender, away = edge(meet, broker), centre(meet, broker)
    away.session.stop()
    for number in range(1500):
        sender.session.publish(TOPIC, b"%d" % number)
    eventually(lambda: len(sender.settled) == 1500)
    receiver = centre(meet, broker, receive_maximum=2000)
    eventually(lambda: [each.payload for each in receiver.messages] == [b"%d" % number for number in range(1500)])


def test_an_acknowledgement_for_an_older_connection_is_dropped(meet: Meet, broker: PrivateMosquitto) -> None:
    """The broker lost the session and numbers from 1 again: the old 1 must not settle the new one."""
    sender, receiver = edge(meet, broker), centre(meet, broker, receive_maximum=1)
    sender.session.publish(TOPIC, b"old")
    eventually(lambda: len(receiver.messages) == 1)
    broker.kill()
    eventually(lambda: not receiver.session.connected and not sender.session.connected)
    broker.start()
    eventually(lambda: receiver.session.subscribed and sender.session.connected)
    for payload in (b"new", b"next"):
        sender.session.publish(TOPIC, payload)
    eventually(lambda: len(receiver.messages) == 2)
    old, new = receiver.messages
    assert (old.mid, new.mid, new.payload) == (1, 1, b"new")
    receiver.acknowledge(old)
    eventually(lambda: receiver.session.stale_acknowledgements == 1)
    time.sleep(0.3)
    assert len(receiver.messages) == 2
    receiver.acknowledge(new)
    eventually(lambda: len(receiver.messages) == 3)


def test_publishes_of_a_lost_connection_settle_as_unknown_and_the_session_comes_back(
    meet: Meet, broker: PrivateMosquitto
) -> None:
    sender = edge(meet, broker)
    broker.kill()
    eventually(lambda: not sender.session.connected)
    sender.session.publish(TOPIC, b"x", "tag")
    eventually(lambda: sender.settled == [SettledPublish("tag", Outcome.UNKNOWN, -1)])
    broker.start()
    eventually(lambda: sender.session.subscribed)
    assert [each.generation for each in sender.connects] == [1, 2]


def test_a_deaf_line_is_found_dead_and_left(
    meet: Meet, broker: PrivateMosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantrac.mqtt.connection.KEEPALIVE_S", 1)
    proxy = TcpProxy(broker.port)
    try:
        sender = meet(broker.url("st-test").replace(str(broker.port), str(proxy.port)), "edge")
        proxy.deaf()
        eventually(lambda: not sender.session.connected)
        proxy.cut()
        proxy.restore()
        eventually(lambda: sender.session.connected)
    finally:
        proxy.close()


def test_a_payload_larger_than_the_broker_takes_is_refused_here(meet: Meet, broker: PrivateMosquitto) -> None:
    """Mosquitto would end the connection over it, and with it every other publish on its way."""
    sender = edge(meet, broker)
    sender.session.publish(TOPIC, b"x" * 300_000, "large")
    sender.session.publish(TOPIC, b"x", "small")
    eventually(lambda: len(sender.settled) == 2)
    assert [(each.tag, each.outcome) for each in sender.settled] == [
        ("large", Outcome.REFUSED),
        ("small", Outcome.NO_SUBSCRIBER),
    ]
    assert sender.session.generation == 1


def test_a_goodbye_publishes_no_will(meet: Meet, broker: PrivateMosquitto) -> None:
    sender = edge(meet, broker, will=Will("quantrac/v1/st-test/status", b"gone"))
    watcher = meet(broker.url("ingest"), "watcher", subscriptions=[Subscription("quantrac/v1/+/status")])
    sender.session.stop()
    time.sleep(0.3)
    assert watcher.messages == []


def test_user_properties_travel(meet: Meet, broker: PrivateMosquitto) -> None:
    sender, receiver = edge(meet, broker), centre(meet, broker)
    sender.session.publish(TOPIC, b"x", user_properties=[("epoch", "e1"), ("seq", "7")])
    eventually(lambda: len(receiver.messages) == 1)
    assert receiver.messages[0].properties == (("epoch", "e1"), ("seq", "7"))
    assert receiver.messages[0].mid


class Gate:
    """Whether a session may read; and whether it has asked since the gate was closed."""

    def __init__(self) -> None:
        self.is_open = True
        self.was_refused = threading.Event()

    def __call__(self) -> bool:
        if not self.is_open:
            self.was_refused.set()
        return self.is_open


def test_a_session_that_may_not_read_stays_alive_and_the_broker_keeps_its_messages(
    meet: Meet, broker: PrivateMosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It pings, so the broker keeps it for far longer than its keepalive; afterwards everything comes, in order."""
    monkeypatch.setattr("quantrac.mqtt.connection.KEEPALIVE_S", 2)
    gate = Gate()
    sender = edge(meet, broker)
    receiver = centre(meet, broker, receive_maximum=1000, may_read=gate)
    payloads = [b"%d" % number for number in range(300)]
    generation = -1
    for _ in range(10):  # on a machine that stalls a ping may come too late
        receiver.messages.clear()
        gate.is_open = False
        assert gate.was_refused.wait(180)
        generation = receiver.session.generation
        for payload in payloads:
            sender.session.publish(TOPIC, payload)
        time.sleep(4)  # the broker leaves a client after one and a half keepalives
        assert receiver.messages == []
        gate.is_open = True
        gate.was_refused.clear()
        eventually(lambda: [each.payload for each in receiver.messages][-300:] == payloads)
        receiver.acknowledge(*receiver.messages)
        if receiver.session.generation == generation:
            break
    assert receiver.session.generation == generation
    assert len(receiver.messages) == 300


def test_a_session_is_taken_only_by_who_has_its_password_and_that_is_noticed(
    meet: Meet, broker: PrivateMosquitto
) -> None:
    taken: list[str] = []
    own = centre(meet, broker, on_taken_over=lambda: taken.append("own"))
    thief = meet(broker.url("st-test"), "centre", on_taken_over=lambda: taken.append("thief"))
    assert thief.say(TOPIC) == 0
    assert own.hears((TOPIC, b"{}"))
    assert not taken
    centre(meet, broker)
    eventually(lambda: taken)  # and again: both go on trying
    assert set(taken) == {"own"}


def test_of_several_brokers_the_next_one_is_taken_when_one_is_gone(
    meet: Meet, broker: PrivateMosquitto, another_broker: PrivateMosquitto
) -> None:
    both = f"{broker.url('st-test')},{another_broker.url('st-test')}"
    sender, first, second = meet(both, "edge"), centre(meet, broker), centre(meet, another_broker)
    sender.say(TOPIC, b"1")
    assert first.hears((TOPIC, b"1"))
    broker.kill()
    eventually(lambda: not first.session.connected)
    sender.say(TOPIC, b"2")
    assert second.hears((TOPIC, b"2"))
    broker.start()
    another_broker.kill()
    eventually(lambda: first.session.subscribed)
    sender.say(TOPIC, b"3")
    assert first.hears((TOPIC, b"1"), (TOPIC, b"3"))


def test_a_broker_that_is_away_at_the_start_does_not_keep_a_session_from_the_others(
    meet: Meet, broker: PrivateMosquitto, another_broker: PrivateMosquitto
) -> None:
    another_broker.kill()
    hosts = f"127.0.0.1:{another_broker.port},127.0.0.1:{broker.port}"
    sender = meet(f"mqtt://st-test:{broker.password('st-test')}@{hosts}", "edge")
    assert sender.say(TOPIC) == 0x10
