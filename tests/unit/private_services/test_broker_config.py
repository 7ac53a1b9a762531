"""The broker's configuration as text; what Mosquitto makes of it is tested in tests/integration/private_services."""

from dataclasses import replace
from pathlib import Path

import pytest

from quantrac.private_services import broker_config
from quantrac.private_services.broker_config import BrokerPlan

FOLDER = Path("/etc/mosquitto/quantrac")
PLAN = BrokerPlan("127.0.0.1", 1883, FOLDER / "p", FOLDER / "passwords", FOLDER / "acl")


def settings(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split(" ", 1) for line in lines if not line.startswith("log_type"))


def test_the_settings_without_which_mosquitto_drops_what_it_acknowledged_are_there() -> None:
    """Expected values: docs/wire.md, "Facts of MQTT behind this"."""
    found = settings(broker_config.render_config(PLAN))
    expected = {
        "persistence": "true",
        "autosave_on_changes": "false",
        "autosave_interval": "300",
        "max_inflight_messages": "0",
        "max_queued_messages": "0",
        "max_packet_size": str(256 * 1024),
        "set_tcp_nodelay": "true",
        "allow_anonymous": "false",
        "listener": "1883 127.0.0.1",
    }
    assert {name: found[name] for name in expected} == expected
    assert int(found["max_queued_bytes"]) > 0


def test_tls_is_on_when_a_certificate_is_given() -> None:
    found = settings(broker_config.render_config(replace(PLAN, certificate=FOLDER / "c.pem", key=FOLDER / "k.pem")))
    assert (found["certfile"], found["keyfile"]) == (str(FOLDER / "c.pem"), str(FOLDER / "k.pem"))


def test_a_station_may_write_its_own_kinds_and_read_its_acks_and_commands() -> None:
    acl = broker_config.render_acl(["st-a"])
    written = ("readings", "backfill", "birth", "status", "image", "reply")
    assert acl.split("\n\n")[0].splitlines() == [
        "user st-a",
        *(f"topic write quantrac/v1/st-a/{kind}" for kind in written),
        "topic read quantrac/v1/st-a/ack",
        "topic read quantrac/v1/st-a/cmd/#",
    ]


@pytest.mark.parametrize("name", ["ingest", "console", "St-A", "st a", "st-a/+", "#", "", "st-a\nuser x"])
def test_a_name_that_would_open_other_topics_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected lower-case words"):
        broker_config.render_acl([name])
