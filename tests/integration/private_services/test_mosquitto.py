"""The private broker keeps its promises: persistence, passwords, access list, loopback only."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from quantrac.backoff import Backoff
from quantrac.mqtt import MqttAddress, Session, Subscription
from quantrac.private_services import ports
from quantrac.private_services.mosquitto import PrivateMosquitto
from tests.fixtures.party import Meet, Party
from tests.fixtures.timing import eventually
from tests.integration.private_services.listening import addresses_of

NO_SUBSCRIBER, NOT_AUTHORIZED = 0x10, 0x87  # MQTT 5, 3.4.2.1
Join = Callable[..., Party]


@pytest.fixture
def join(broker: PrivateMosquitto, meet: Meet) -> Join:
    """Let a user of the broker connect, and subscribe to what it names."""

    def one(user: str, *topics: str) -> Party:
        return meet(broker.url(user), f"test-{user}", subscriptions=[Subscription(topic) for topic in topics])

    return one


def test_it_listens_on_the_loopback_address_only(broker: PrivateMosquitto) -> None:
    assert addresses_of(broker.pid) == {("127.0.0.1", broker.port)}


def test_a_station_speaks_for_itself_and_never_for_another(join: Join) -> None:
    ingest, station = join("ingest", "quantrac/v1/+/readings"), join("st-my-thanh")
    assert station.say("quantrac/v1/st-tran-de/readings", b"lie") == NOT_AUTHORIZED
    assert station.say("quantrac/v1/st-my-thanh/ack", b"lie") == NOT_AUTHORIZED
    assert station.say("quantrac/v1/st-my-thanh/reply/1", b"kept for ever", retain=True) == NOT_AUTHORIZED
    assert station.say("quantrac/v1/st-my-thanh/readings", b"truth") == 0
    assert ingest.hears(("quantrac/v1/st-my-thanh/readings", b"truth"))


def test_a_station_hears_its_own_acknowledgements_and_not_its_neighbours(join: Join) -> None:
    ingest, station = join("ingest"), join("st-my-thanh", "quantrac/v1/#")
    assert ingest.say("quantrac/v1/st-tran-de/ack") in (0, NO_SUBSCRIBER)
    assert ingest.say("quantrac/v1/st-my-thanh/ack", b"yours") == 0
    assert station.hears(("quantrac/v1/st-my-thanh/ack", b"yours"))


def test_ingest_acknowledges_but_sends_no_readings(join: Join) -> None:
    assert join("ingest").say("quantrac/v1/st-my-thanh/readings") == NOT_AUTHORIZED


@pytest.mark.parametrize("password", ["guess", None])
def test_a_wrong_password_and_no_password_are_refused(broker: PrivateMosquitto, password: str | None) -> None:
    address = replace(MqttAddress.parse(broker.url("st-my-thanh")), password=password)
    backoff = Backoff(first_s=0.01, longest_s=0.1)
    stranger = Session(address, "stranger", expiry_s=0, receive_maximum=1, backoff=backoff)
    stranger.start()
    eventually(lambda: backoff.failures >= 2)
    assert stranger.generation == 0, "no CONNECT was accepted"
    stranger.stop(0)


def test_after_a_stop_and_a_kill_it_starts_again_at_the_same_place_with_what_was_saved(
    join: Join, broker: PrivateMosquitto
) -> None:
    port, url = broker.port, broker.url("ingest")
    join("st-my-thanh").say("quantrac/v1/st-my-thanh/birth", b"born", retain=True)
    broker.stop()
    broker.start()
    broker.kill()
    assert not ports.answers(port)
    broker.start()
    assert (broker.port, broker.url("ingest")) == (port, url)
    assert join("ingest", "quantrac/v1/+/birth").hears(("quantrac/v1/st-my-thanh/birth", b"born"))


def test_passwords_are_random_and_only_hashes_reach_the_password_file(broker: PrivateMosquitto) -> None:
    words = {broker.password(user) for user in ("ingest", "console", "st-my-thanh")}
    assert len(words) == 3
    text = Path(broker.folder, "passwords").read_text()
    assert not any(word in text for word in words)
    assert Path(broker.folder, "passwords").stat().st_mode & 0o077 == 0
