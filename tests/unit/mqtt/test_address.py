"""Addresses of brokers and waits between attempts."""

import re

import pytest

from quantrac.mqtt import AddressError, MqttAddress, Outcome
from quantrac.mqtt.delivery import outcome_of


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://host", MqttAddress("host", 1883)),
        ("mqtts://host", MqttAddress("host", 8883, tls=True)),
        ("mqtt://u:p%40ss@10.0.0.1:1884", MqttAddress("10.0.0.1", 1884, user="u", password="p@ss")),
        ("mqtt://[::1]:1884", MqttAddress("::1", 1884)),
        ("mqtts://h?ca=/etc/ca.pem", MqttAddress("h", 8883, tls=True, ca_file="/etc/ca.pem")),
    ],
)
def test_an_address_is_read_and_written_back(url: str, expected: MqttAddress) -> None:
    assert MqttAddress.parse(url) == expected
    assert MqttAddress.parse(expected.url) == expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mqtts://u:p%2C@a,[::1]:8884,c:1?ca=/ca.pem", "mqtts://u@a:8883,mqtts://u@[::1]:8884,mqtts://u@c:1"),
        ("mqtt://u:secret@a:1,mqtt://v:secret@b:2", "mqtt://u@a:1,mqtt://v@b:2"),
        ("mqtt://u:se,cret@a:1,b:2,mqtts://c", "mqtt://u@a:1,mqtt://u@b:2,mqtts://c:8883"),
    ],
)
def test_a_cluster_is_one_address_with_several_hosts_or_several_addresses(url: str, shown: str) -> None:
    address = MqttAddress.parse(url)
    assert str(address) == shown
    assert [str(broker) for broker in address.each] == shown.split(",")
    assert MqttAddress.parse(address.url) == address
    assert "secret" not in f"{address!r}"
    assert len({(broker.tls, broker.ca_file) for broker in address.each}) == (2 if ",mqtts" in url else 1)


@pytest.mark.parametrize("url", ["http://host", "host:1883", "mqtt://", "mqtt://host:99999", "mqtt://u:secret@host:x",
                                 "mqtt://u:secret@a,", "mqtt://u:secret@a,,b", "mqtt://u:secret@a,http://u:secret@b",
                                 "mqtt://u:secret@a:1,b:x", "mqtt://u:secret@[::1,b"])  # fmt: skip
def test_what_is_no_address_is_refused_without_showing_the_password(url: str) -> None:
    with pytest.raises(AddressError) as caught:
        MqttAddress.parse(url)
    assert "secret" not in str(caught.value)
    assert "expected" in str(caught.value)


def test_the_password_stays_out_of_logs() -> None:
    address = MqttAddress.parse("mqtt://u:secret@host")
    assert "secret" not in f"{address} {address!r}"


def test_a_client_identifier_is_known_to_nobody_without_the_password() -> None:
    def at(url: str) -> str:
        return MqttAddress.parse(url).client_id("quantrac-ingest")

    ours = at("mqtt://ingest:word@a,b")
    assert ours == at("mqtts://ingest:word@b:8884")  # a standby, another node: the same session
    others = {at("mqtt://ingest:other@a"), at("mqtt://st-a:word@a"), at("mqtt://ingest@a")}
    assert ours not in others
    assert len(others) == 3
    assert re.fullmatch("quantrac-ingest-[0-9a-f]{32}", ours)
    assert at("mqtt://a") == "quantrac-ingest"  # nothing to derive it from


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [(0x00, Outcome.DELIVERED), (0x10, Outcome.NO_SUBSCRIBER), (0x80, Outcome.REFUSED), (0x87, Outcome.REFUSED),
     (0x97, Outcome.BUSY), (0x95, Outcome.REFUSED)],
)  # fmt: skip
def test_reasons_of_mqtt_5_are_told_apart(reason: int, outcome: Outcome) -> None:
    assert outcome_of(reason) is outcome
