"""Renders RabbitMQ's definitions: users, their rights on topics and queues, and the policy of their sessions. Pure.

RabbitMQ keeps a session of MQTT as a queue, bound to the exchange `amq.topic`: a user needs rights on its own queues by
name, on that exchange, and on topics, written with dots. `import_definitions` of rabbitmqctl reads them, or the setting
`load_definitions`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from quantrac.mqtt.address import client_id
from quantrac.private_services.broker_config import CONSOLE_USER, INGEST_USER, TOPIC_ROOT, TopicRights, topic_rights

VHOST: Final = "/"
EXCHANGE: Final = "amq.topic"
SESSIONS: Final = "mqtt-subscription-"
"""How the name of a session's queue begins."""
NO_LIMIT: Final = -1
"""Of deliveries. By default RabbitMQ drops a message that it handed out twenty times without acknowledgement: so many
restarts of ingest while the database is away."""
INGEST_SESSIONS: Final = ("quantrac-ingest", "quantrac-ingest-pictures")
COMMAND_IDS: Final = "command-[0-9a-f]+-[0-9a-f]+"
"""Client identifiers of the console: each command has a session of its own."""


def render_definitions(stations: Iterable[str], passwords: Mapping[str, str], salt_of: Callable[[str], bytes]) -> str:
    """Return the definitions as JSON.

    Args:
        stations: every station that may connect; ValueError for a name that is no station id.
        passwords: of every user.
        salt_of: four bytes for a user's password.
    """
    every = topic_rights(stations)
    definitions = {
        "vhosts": [{"name": VHOST}],
        "users": [_user(each.user, passwords[each.user], salt_of(each.user)) for each in every],
        "permissions": [_queue_rights(each.user, passwords[each.user]) for each in every],
        "topic_permissions": [_topic_rights(each) for each in every],
        "policies": [
            {
                "vhost": VHOST,
                "name": "quantrac-sessions",
                "pattern": f"^{SESSIONS}",
                "apply-to": "quorum_queues",
                "priority": 0,
                "definition": {"delivery-limit": NO_LIMIT},
            }
        ],
    }
    return json.dumps(definitions, indent=1) + "\n"


def _user(name: str, password: str, salt: bytes) -> dict[str, Any]:
    """Hash a password as RabbitMQ does: the salt, then SHA-256 of salt and password, in base64."""
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "name": name,
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
    }


def _queue_rights(user: str, password: str) -> dict[str, str]:
    sessions = INGEST_SESSIONS if user == INGEST_USER else (f"edge-{user}", f"edge-{user}-pictures")
    clients = [client_id(session, user, password) for session in sessions]
    client = COMMAND_IDS if user == CONSOLE_USER else f"({'|'.join(clients)})"
    own = f"mqtt-(subscription|will)-{client}(qos[01])?"
    with_exchange = f"^({re.escape(EXCHANGE)}|{own})$"
    return {"user": user, "vhost": VHOST, "configure": f"^{own}$", "write": with_exchange, "read": with_exchange}


def _topic_rights(rights: TopicRights) -> dict[str, str]:
    return {
        "user": rights.user,
        "vhost": VHOST,
        "exchange": EXCHANGE,
        "write": _pattern(rights.writes),
        "read": _pattern(rights.reads),
    }


def _pattern(filters: Iterable[str]) -> str:
    """Return the expression for the topics, and the subscriptions within them, that the filters allow."""
    return f"^({'|'.join(_expression(f'{TOPIC_ROOT}/{each}') for each in filters)})$"


def _expression(topic_filter: str) -> str:
    words = {"+": r"[^.#]+", "#": r".*"}
    return r"\.".join(words.get(word, re.escape(word)) for word in topic_filter.split("/"))
