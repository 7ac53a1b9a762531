"""Topics of wire version 1: `quantrac/v1/<station>/<kind>`. The station in the topic is the only station."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, get_args

from quantrac.telemetry.errors import QuantracError

TopicKind = Literal["readings", "backfill", "birth", "status", "ack", "image", "cmd", "reply"]
KINDS: Final[tuple[str, ...]] = get_args(TopicKind)
PREFIX: Final = "quantrac/v1"
STATION_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""A station's name: lower-case kebab."""


class Topic(NamedTuple):
    """A topic taken apart."""

    station: str
    kind: str
    request: str | None
    """Id of a command; None for the others."""


class BadTopic(QuantracError):
    """A topic that is not one of ours."""


def topic(station: str, kind: TopicKind, request: str | None = None) -> str:
    """Return the topic of a station and kind; `request` (its id) only for `cmd`."""
    return f"{PREFIX}/{station}/{kind}" if request is None else f"{PREFIX}/{station}/{kind}/{request}"


def subscription(kind: TopicKind) -> str:
    """Return the topic filter of one kind, for all stations."""
    return topic("+", kind)


def parse(name: str) -> Topic:
    """Take a topic apart; raises BadTopic when it is not `quantrac/v1/<station>/<kind>[/<id>]`."""
    parts = name.split("/")
    if len(parts) in (4, 5) and name.startswith(PREFIX + "/") and parts[3] in KINDS:
        has_id = parts[3] == "cmd"
        if has_id == (len(parts) == 5) and STATION_NAME.fullmatch(parts[2]):
            return Topic(parts[2], parts[3], parts[4] if has_id else None)
    raise BadTopic(f"topic {name!r}: expected {PREFIX}/<station>/<kind>, kind one of {', '.join(KINDS)}")
