"""The desk of commands: gives a command to a station and reads its outcome.

Data path: order → audit row → signed → published with its expiry → the station's reply → audit row with the outcome.
"""

from __future__ import annotations

import json
import queue
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import psycopg

from quantrac.config.settings import Settings
from quantrac.config.station_json import dumps
from quantrac.config.stations import Station
from quantrac.database import audit
from quantrac.database.pool import Connect, Connection, DatabaseUnreachable, one_line
from quantrac.mqtt.address import MqttAddress
from quantrac.mqtt.delivery import Delivery, Outcome, SettledPublish
from quantrac.mqtt.session import Session
from quantrac.mqtt.terms import Subscription
from quantrac.observe.logs import logger
from quantrac.telemetry.commands import encode_command, read_key
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.topics import topic

log = logger(__name__)

LASTS_S: Final = 60
"""How long a command may be carried out after it was given."""
CONNECT_S: Final = 10.0
ISSUED: Final = "command"
ANSWERED: Final = "command outcome"

APPLIED: Final = "select config_applied from station where station = %s and active"
HISTORY: Final = """
select asked.at, asked.person, asked.subject, asked.reason, asked.detail, answer.at, answer.detail
  from audit asked
  left join audit answer on answer.action = %s and answer.subject = asked.subject
        and answer.detail ->> 'id' = asked.detail ->> 'id'
 where asked.action = %s and (%s::text is null or asked.subject = 'station ' || %s)
 order by asked.at desc limit %s
"""


class NotSent(TranslatableError):
    """The command did not leave; nothing happens at the station."""


class NoReply(TranslatableError):
    """The station did not answer in time. What it did is unknown until its events say so."""


class NotApplied(TranslatableError):
    """The configuration to push is not applied to the database."""

    exit_code = 2


class NoSuchStation(TranslatableError):
    """No such station is known to the database."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class MqttLink:
    """A session of its own for each command, gone when the reply is there; the broker's user must be `console`."""

    address: MqttAddress
    key: bytes
    """Signs the commands."""

    def ask(self, station: str, command_id: str, payload: bytes, expires_s: int, wait_s: float) -> bytes:
        """Publish a command and return its reply; raises NotSent, NoReply."""
        replies: queue.Queue[bytes] = queue.Queue()
        fates: queue.Queue[SettledPublish] = queue.Queue()

        def hear(delivery: Delivery) -> None:
            if answers(delivery.payload, command_id):
                replies.put(delivery.payload)
            session.acknowledge([(delivery.generation, delivery.mid)])

        session = Session(
            self.address,
            f"command-{command_id}",
            expiry_s=0,
            receive_maximum=4,
            subscriptions=[Subscription(topic(station, "reply"))],
            on_message=hear,
            on_publish_settled=fates.put,
        )
        with ExitStack() as closing:
            session.start()
            closing.callback(session.stop)
            if not session.wait_subscribed(CONNECT_S):
                raise NotSent(
                    "{broker}: no connection, or no right to read {station}'s replies (user console)",
                    broker=self.address, station=station,
                )  # fmt: skip
            session.publish(topic(station, "cmd", command_id), payload, expires_s=expires_s)
            _check_sent(station, fates)
            try:
                return replies.get(timeout=wait_s)
            except queue.Empty:
                raise NoReply(
                    "{station} has not answered within {wait_s} s; if it comes back within {expires_s} s of the "
                    "order it still carries it out, and its events say so",
                    station=station, wait_s=f"{wait_s:g}", expires_s=expires_s,
                ) from None  # fmt: skip


def answer_of(station: str, reply: bytes) -> dict[str, Any]:
    """Return what a reply says. Raises NoReply for one that is no JSON object or that the audit cannot keep."""
    answer: object = None
    kept = b""
    with suppress(ValueError, RecursionError):
        answer = json.loads(reply)
        kept = json.dumps(answer, ensure_ascii=False, allow_nan=False).encode("utf-8")
    if not isinstance(answer, dict) or not kept or rb"\u0000" in kept:
        raise NoReply(
            "{station} has answered what is no JSON object that can be kept: {reply}",
            station=station, reply=repr(reply[:60]),
        )  # fmt: skip
    return answer


def answers(payload: bytes, command_id: str) -> bool:
    """Tell whether a reply of a station answers this command: all its replies have one topic."""
    try:
        reply = json.loads(payload)
    except (ValueError, RecursionError):
        return False
    return isinstance(reply, dict) and reply.get("id") == command_id


def link_to(settings: Settings, station: str) -> MqttLink:
    """Return the way to a station. Raises MissingSetting, BadKeyFile."""
    return MqttLink(MqttAddress.parse(settings.command_mqtt()), read_key(settings.keys(), station, log.warning))


def _check_sent(station: str, fates: queue.Queue[SettledPublish]) -> None:
    try:
        fate = fates.get(timeout=CONNECT_S)
    except queue.Empty:
        raise NotSent("the broker did not acknowledge the command") from None
    if fate.outcome is Outcome.NO_SUBSCRIBER:
        raise NotSent("{station} is not connected, and the broker keeps no session of it", station=station)
    if fate.outcome is not Outcome.DELIVERED:
        raise NotSent(
            "the broker did not take the command ({outcome}, reason {reason})",
            outcome=fate.outcome.value, reason=f"{fate.reason:#04x}",
        )  # fmt: skip


class Past(NamedTuple):
    """A command given earlier; `outcome` is None while none is known."""

    at: datetime
    person: str
    station: str
    reason: str | None
    order: dict[str, Any]
    answered_at: datetime | None
    outcome: dict[str, Any] | None


def give(
    connect: Connect,
    line: MqttLink,
    station: str,
    order: Mapping[str, Any],
    *,
    person: str,
    reason: str | None,
    clock: Callable[[], datetime],
    wait_s: float = 60.0,
    lasts_s: int = LASTS_S,
) -> dict[str, Any]:
    """Have a station do something, and return its answer; the order and the outcome are audited, whatever happens.

    No connection is kept while the station is waited for. Where the database is away by then, the answer has
    `recorded` False. Raises NoSuchStation, NotSent, NoReply.
    """
    command_id, now = secrets.token_hex(12), clock()
    subject = f"station {station}"
    said = {"id": command_id, "order": _brief(order), "expires_s": lasts_s}
    with connect() as conn:
        if conn.execute(APPLIED, [station]).fetchone() is None:
            raise NoSuchStation(
                "the database knows no active station {station}: quantrac stations apply", station=station
            )
        with conn.transaction():
            audit.record(conn, now, person, ISSUED, subject, reason, said)
    expires = now + timedelta(seconds=lasts_s)
    payload = encode_command(line.key, station, command_id, order, issued_ms=_ms(now), expires_ms=_ms(expires))
    try:
        answer = answer_of(station, line.ask(station, command_id, payload, lasts_s, wait_s))
    except (NotSent, NoReply) as failure:
        values = {name: value if isinstance(value, int) else str(value) for name, value in failure.values.items()}
        outcome = {"ok": False, "error": str(failure), "sentence": failure.sentence, "values": values}
        _note(connect, clock(), person, subject, command_id, outcome)
        raise
    is_recorded = _note(connect, clock(), person, subject, command_id, answer)
    return answer if is_recorded else {**answer, "recorded": False}


def push(
    connect: Connect,
    line: MqttLink,
    station: Station,
    *,
    person: str,
    reason: str | None,
    clock: Callable[[], datetime],
    within_s: float,
) -> dict[str, Any]:
    """Send a resolved station to its agent; returns the outcome: `confirmed`, `unchanged`, `rolled back`, or refused.

    Raises NotApplied: the centre would refuse the new channels; and what `give` raises.
    """
    check_applied(connect, station)
    order = {"do": "push", "station": json.loads(dumps(station)), "within_s": within_s}
    # Trying the devices and the trial itself take their time, and slots of ten minutes take longer than `within_s`.
    longest_s = max((channel.interval_ms for channel in station.channel_list()), default=0) / 1000
    wait_s = max(within_s, 2 * longest_s) + 180
    return give(connect, line, station.station, order, person=person, reason=reason, clock=clock, wait_s=wait_s)


def check_applied(connect: Connect, station: Station) -> None:
    """Raise NotApplied unless the database has this configuration of the station."""
    with connect() as conn:
        found = conn.execute(APPLIED, [station.station]).fetchone()
    if found is None or found[0] != station.config_hash:
        raise NotApplied(
            "{station}: the database has not this configuration; run `quantrac stations apply` first, "
            "or the centre would refuse what is new in it",
            station=station.station,
        )


def history(conn: Connection, station: str | None = None, most: int = 20) -> list[Past]:
    """Return the commands given, newest first."""
    rows = conn.execute(HISTORY, [ANSWERED, ISSUED, station, station, most]).fetchall()
    return [
        Past(at, person, subject.removeprefix("station "), reason, asked["order"], answered_at, outcome)
        for at, person, subject, reason, asked, answered_at, answer in rows
        for outcome in [None if answer is None else answer["outcome"]]
    ]


def _note(
    connect: Connect, now: datetime, person: str, subject: str, command_id: str, answer: Mapping[str, Any]
) -> bool:
    """Put an outcome on record; return False where the database is away: the station has acted all the same."""
    try:
        with connect() as conn, conn.transaction():
            audit.record(conn, now, person, ANSWERED, subject, None, {"id": command_id, "outcome": dict(answer)})
    except (psycopg.OperationalError, DatabaseUnreachable) as error:
        log.warning("outcome_not_recorded", subject=subject, command=command_id, outcome=answer, why=one_line(error))
        return False
    return True


def _brief(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return an order as the audit keeps it: of a configuration its hash."""
    station = order.get("station")
    return {**order, "station": station["config_hash"]} if isinstance(station, dict) else dict(order)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
