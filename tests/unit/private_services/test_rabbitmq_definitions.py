"""RabbitMQ's users, rights and policy; that RabbitMQ obeys them is seen by `./dev soak --cluster`."""

import json
import re
from typing import Any

import pytest

from ingest.workers.worker import PICTURES_SESSION, SESSION
from quantrac.mqtt.address import client_id
from quantrac.private_services.broker_config import users
from quantrac.private_services.rabbitmq_definitions import render_definitions

STATIONS = ("st-a", "st-b")


@pytest.fixture
def definitions() -> dict[str, Any]:
    words = {user: f"word of {user}" for user in users(STATIONS)}
    found: dict[str, Any] = json.loads(render_definitions(STATIONS, words, lambda _: b"salt"))
    return found


def allowed(definitions: dict[str, Any], kind: str, user: str, right: str, name: str) -> bool:
    """Ask as RabbitMQ does: the expression of a user's right is searched in the name."""
    (found,) = (each[right] for each in definitions[kind] if each["user"] == user)
    return re.search(found, name) is not None


@pytest.mark.parametrize(
    ("user", "right", "topic", "may"),
    [
        ("st-a", "write", "quantrac.v1.st-a.readings", True),
        ("st-a", "write", "quantrac.v1.st-a.reply", True),
        ("st-a", "write", "quantrac.v1.st-a.reply.17", False),
        ("st-a", "write", "quantrac.v1.st-b.readings", False),
        ("st-a", "write", "quantrac.v1.st-a.ack", False),
        ("st-a", "write", "quantrac.v1.st-a.readings.more", False),
        ("st-a", "read", "quantrac.v1.st-a.cmd.*", True),
        ("st-a", "read", "quantrac.v1.st-a.ack", True),
        ("st-a", "read", "quantrac.v1.*.ack", False),
        ("st-a", "read", "quantrac.v1.#", False),
        ("st-a", "read", "#", False),
        ("ingest", "read", "quantrac.v1.*.readings", True),
        ("ingest", "read", "#", False),
        ("ingest", "write", "quantrac.v1.st-a.ack", True),
        ("ingest", "write", "quantrac.v1.st-a.cmd.17", False),
        ("console", "write", "quantrac.v1.st-b.cmd.17", True),
        ("console", "read", "quantrac.v1.st-b.reply", True),
        ("console", "read", "quantrac.v1.*.readings", False),
    ],
)
def test_topics_are_those_of_the_access_list(
    definitions: dict[str, Any], user: str, right: str, topic: str, may: bool
) -> None:
    assert allowed(definitions, "topic_permissions", user, right, topic) is may


@pytest.mark.parametrize("right", ["configure", "write", "read"])
def test_a_user_has_the_queues_of_its_own_sessions_and_no_others(definitions: dict[str, Any], right: str) -> None:
    sessions = {
        "st-a": ["edge-st-a", "edge-st-a-pictures"],
        "st-b": ["edge-st-b", "edge-st-b-pictures"],
        "ingest": [SESSION, PICTURES_SESSION],
        "console": ["command-0123456789abcdef"],
    }
    own = {user: [client_id(name, user, f"word of {user}") for name in names] for user, names in sessions.items()}
    for user in own:
        for owner, clients in own.items():
            for client in clients:
                queue = f"mqtt-subscription-{client}qos1"
                assert allowed(definitions, "permissions", user, right, queue) is (user == owner), (user, queue)
    assert allowed(definitions, "permissions", "st-a", right, "amq.topic") is (right != "configure")


def test_passwords_are_hashed_as_rabbitmq_does(definitions: dict[str, Any]) -> None:
    """https://www.rabbitmq.com/docs/passwords#computing-password-hash: the example of its page, salt 908DC60A."""
    salt = bytes.fromhex("908DC60A")
    found = json.loads(render_definitions([], {"ingest": "test12", "console": ""}, lambda _: salt))
    assert found["users"][0]["password_hash"] == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
    assert "word of" not in json.dumps(definitions)


def test_no_message_is_dropped_for_being_handed_out_often(definitions: dict[str, Any]) -> None:
    (policy,) = definitions["policies"]
    assert policy["definition"] == {"delivery-limit": -1}
    assert re.search(policy["pattern"], f"mqtt-subscription-{SESSION}-0123qos1")
