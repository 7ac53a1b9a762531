"""Says who may read and write which topics, and renders Mosquitto's configuration and access list. Pure.

The numbers are those without which Mosquitto loses what it acknowledged: with its defaults an offline session keeps
1,000 messages and drops the rest while every PUBACK says success.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TOPIC_ROOT = "quantrac/v1"

STATION_WRITES = ("readings", "backfill", "birth", "status", "image", "reply")
STATION_READS = ("ack", "cmd/#")

INGEST_USER = "ingest"
CONSOLE_USER = "console"
CENTRE_USERS = (INGEST_USER, CONSOLE_USER)

MAX_PACKET_BYTES = 256 * 1024
MAX_QUEUED_BYTES = 512 * 1024 * 1024
MAX_INFLIGHT_BYTES = 256 * 1024 * 1024
AUTOSAVE_S = 300
HASH_ROUNDS = 101
"""As `mosquitto_passwd`: the words are random, and each connection costs the broker a hash."""

_USER = re.compile(r"[a-z][a-z0-9-]*")


class TopicRights(NamedTuple):
    """What one user may do: topic filters below TOPIC_ROOT."""

    user: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """The broker's address and files.

    With ``certificate`` and ``key`` the listener speaks TLS 1.2 or newer. ``max_queued_bytes`` bounds what waits for
    one offline session; beyond it the broker drops, and the edge's spool sends again.
    """

    host: str
    port: int
    persistence: Path
    passwords: Path
    acl: Path
    certificate: Path | None = None
    key: Path | None = None
    max_queued_bytes: int = MAX_QUEUED_BYTES


def render_config(plan: BrokerPlan) -> str:
    """Return ``mosquitto.conf``."""
    lines = [
        "# Written by Quantrac; `quantrac broker config` renders it again.",
        f"listener {plan.port} {plan.host}",
        *_tls(plan),
        "allow_anonymous false",
        f"password_file {plan.passwords}",
        f"acl_file {plan.acl}",
        "",
        "# Sessions survive a restart. Saving on every change rewrites the whole store; what a crash takes from the",
        "# broker is still in the stations' spools, which wait for the acknowledgement of ingest.",
        "persistence true",
        f"persistence_location {plan.persistence}/",
        f"autosave_interval {AUTOSAVE_S}",
        "autosave_on_changes false",
        "",
        "# 0 = no bound by count: the bounds are the client's Receive Maximum and the bytes below.",
        "max_inflight_messages 0",
        "max_queued_messages 0",
        f"max_inflight_bytes {MAX_INFLIGHT_BYTES}",
        f"max_queued_bytes {plan.max_queued_bytes}",
        f"max_packet_size {MAX_PACKET_BYTES}",
        "set_tcp_nodelay true",
        "",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages false",
    ]
    return "\n".join(lines) + "\n"


def topic_rights(stations: Iterable[str]) -> list[TopicRights]:
    """Return every user's: a station speaks for itself alone, ingest hears all and acknowledges, the console asks.

    Raises ValueError for a name that is no station id.
    """
    return [
        *(_station_rights(_checked(station)) for station in stations),
        TopicRights(INGEST_USER, reads=("#",), writes=("+/ack",)),
        TopicRights(CONSOLE_USER, reads=("+/birth", "+/status", "+/ack", "+/reply"), writes=("+/cmd/#",)),
    ]


def render_acl(stations: Iterable[str]) -> str:
    """Return Mosquitto's access list. Raises ValueError for a name that is no station id."""
    return "\n".join(map(_block, topic_rights(stations)))


def password_line(user: str, password: str, salt: bytes) -> str:
    """Return a line of Mosquitto's password file, as `mosquitto_passwd` of version 2 hashes: PBKDF2 with SHA-512."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, HASH_ROUNDS)
    return f"{user}:$7${HASH_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def users(stations: Iterable[str]) -> list[str]:
    """Return every user that needs a password."""
    return [*(_checked(station) for station in stations), *CENTRE_USERS]


def _station_rights(station: str) -> TopicRights:
    return TopicRights(
        station,
        reads=tuple(f"{station}/{kind}" for kind in STATION_READS),
        writes=tuple(f"{station}/{kind}" for kind in STATION_WRITES),
    )


def _block(rights: TopicRights) -> str:
    lines = [f"user {rights.user}"]
    lines += [f"topic write {TOPIC_ROOT}/{topic}" for topic in rights.writes]
    lines += [f"topic read {TOPIC_ROOT}/{topic}" for topic in rights.reads]
    return "\n".join(lines) + "\n"


def _tls(plan: BrokerPlan) -> list[str]:
    if plan.certificate is None or plan.key is None:
        return []
    return [f"certfile {plan.certificate}", f"keyfile {plan.key}", "tls_version tlsv1.2"]


def _checked(station: str) -> str:
    if not _USER.fullmatch(station) or station in CENTRE_USERS:
        raise ValueError(
            f"station {station!r}: expected lower-case words joined by '-', and not {', '.join(CENTRE_USERS)}"
        )
    return station
