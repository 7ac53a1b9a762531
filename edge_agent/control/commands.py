"""Commands of the centre: checked, carried out at most once, answered; refusals go on record.

The network thread only offers them. Each that is allowed runs in a thread of its own, since a change of the
configuration takes minutes; its id is on disk before it begins, unless it changes nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from edge_agent.slots.kept_file import replace_file
from quantrac.mqtt.delivery import Delivery, Outcome, SettledPublish
from quantrac.observe.logs import logger
from quantrac.telemetry.commands import AHEAD_MS, LONGEST_MS, BadCommand, Command, read_command
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.topics import BadTopic, parse, topic

log = logger(__name__)

FILE: Final = "commands.json"
REMOTE: Final = frozenset(("status", "read", "again", "act", "maint", "push", "picture"))
"""Commands that the centre may give. Not `drain`: it ends the agent, and no person is there to start it again."""
MOST_REFUSALS: Final = 20
"""Refusals that go on record within an hour; more are only counted in the log: a flood must not fill the spool."""
HOUR_MS: Final = 3_600_000
LONGEST_REPLY_MS: Final = 3_600_000
"""The centre has stopped waiting by then."""
CHANGES_NOTHING: Final = frozenset(("status", "read"))
"""May be carried out twice, and so also while the disk is full and cannot keep the ids."""


def told(order: Mapping[str, Any]) -> str:
    """Return what an order is for the record: what is done, to which device, how, with which value."""
    details = (order.get(key) for key in ("device", "camera", "action", "value"))
    return " ".join(str(word) for word in (order["do"], *details) if word is not None)


class IdNotKept(BadCommand):
    """A genuine command that is refused, because a replay of it could not be recognised after a restart."""


class SeenIds:
    """Ids of the commands that have been decided on, until they would have expired anyway.

    An id is forgotten by the clock of the station, which may have been ahead and gone back. So the latest end of all
    that were forgotten is kept: what ends no later may be one of them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._forgotten_ms = 0
        self._seen: dict[str, int] = {}
        try:
            kept = json.loads(path.read_text("utf-8"))
            self._seen = {str(name): int(until) for name, until in kept["seen"].items()}
            self._forgotten_ms = int(kept["forgotten_ms"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, AttributeError, TypeError, KeyError, RecursionError) as error:
            log.warning("commands_file_refused", file=str(path), error=str(error))
            self._seen, self._forgotten_ms = {}, _latest_end_ms(path)

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._seen

    def may_have_been(self, command: Command) -> bool:
        """Return whether a command is so old that it may have been carried out and forgotten."""
        return command.expires_ms <= self._forgotten_ms

    def add(self, command: Command, now_ms: int) -> None:
        """Remember a command, on disk before this returns; raises OSError: then only as long as the agent runs."""
        gone = [until for until in self._seen.values() if until < now_ms]
        self._forgotten_ms = max([self._forgotten_ms, *gone])
        self._seen = {name: until for name, until in self._seen.items() if until >= now_ms}
        self._seen[command.id] = command.expires_ms
        replace_file(self._path, json.dumps({"seen": self._seen, "forgotten_ms": self._forgotten_ms}))


def _latest_end_ms(path: Path) -> int:
    """Return when the last command of a file that cannot be read ends at the latest."""
    try:
        return int(path.stat().st_mtime * 1000) + AHEAD_MS + LONGEST_MS
    except OSError:
        return 0


class Commands:
    """Takes commands from the network thread and carries each out in a thread of its own."""

    def __init__(
        self,
        station: str,
        key: bytes | None,
        folder: Path,
        *,
        answer: Callable[[dict[str, Any]], Mapping[str, Any]],
        reply: Callable[[str, bytes], None],
        record: Callable[[str, str], None],
        now_ms: Callable[[], int],
    ) -> None:
        """Prepare.

        Args:
            station: id.
            key: of the station; None: no command is carried out.
            folder: where the ids are kept.
            answer: carries out what a desk request asks, and returns the outcome.
            reply: publishes an answer under a command's id.
            record: puts an event on record: kind, detail.
            now_ms: wall clock.
        """
        self._station, self._key = station, key
        self._seen = SeenIds(folder / FILE)
        self._answer, self._reply, self._record, self._now_ms = answer, reply, record, now_ms
        self._lock = threading.Lock()
        self._refused_ms: list[int] = []

    def offer(self, delivery: Delivery) -> None:
        """Take a message of `cmd/<id>`; returns at once."""
        try:
            command_id = parse(delivery.topic).request or ""
        except BadTopic:
            return
        threading.Thread(
            target=self._take, args=(command_id, delivery.payload), name=f"command {command_id}", daemon=True
        ).start()

    def _take(self, command_id: str, payload: bytes) -> None:
        try:
            with self._lock:
                command = self._allowed(command_id, payload)
        except BadCommand as refusal:
            self._refuse(command_id, refusal)
            return
        what = command.order["do"]
        log.info("command_accepted", id=command.id, do=what)
        try:
            outcome: Mapping[str, Any] = {"ok": True, **self._answer(command.order)}
        except (QuantracError, TimeoutError, OSError) as error:
            outcome = {"ok": False, "error": str(error) or type(error).__name__}
        except Exception as error:  # the boundary of the task: the centre waits for an answer
            log.exception("command_failed", id=command.id, do=what)
            outcome = {"ok": False, "error": f"a mistake of the agent: {error!r}; its log says more"}
        came = "done" if outcome["ok"] else outcome["error"]
        self._record("command", f"{told(command.order)}: {came}"[:300])
        self._say(command_id, outcome)

    def _allowed(self, command_id: str, payload: bytes) -> Command:
        if self._key is None:
            raise BadCommand("this station has no key (QUANTRAC_COMMAND_KEYS), so it takes no commands")
        now_ms = self._now_ms()
        command = read_command(self._key, self._station, command_id, payload, now_ms)
        if command.id in self._seen:
            raise BadCommand("it was carried out before: a replay")
        if self._seen.may_have_been(command):
            raise BadCommand(
                "it may have been carried out before: the station's clock was ahead, or its record is damaged"
            )
        if command.order["do"] not in REMOTE:
            raise BadCommand(f"found do: {command.order['do']!r}, allowed {', '.join(sorted(REMOTE))}")
        try:
            self._seen.add(command, now_ms)
        except OSError as error:
            if command.order["do"] not in CHANGES_NOTHING:
                allowed = " and ".join(sorted(CHANGES_NOTHING))
                raise IdNotKept(
                    f"the station's disk cannot be written ({error}); until it can, only {allowed} are carried out"
                ) from error
        return command

    def _refuse(self, command_id: str, refusal: BadCommand) -> None:
        now_ms, why = self._now_ms(), str(refusal)
        self._refused_ms = [t for t in self._refused_ms if 0 <= now_ms - t < HOUR_MS]
        log.warning("command_refused", id=command_id, why=why)
        if len(self._refused_ms) < MOST_REFUSALS:
            self._refused_ms.append(now_ms)
            self._record("command_refused", f"{command_id[:64]}: {why}")
            genuine = isinstance(refusal, IdNotKept)
            if genuine or command_id not in self._seen:  # of a replay the answer is on its way, or was given
                self._say(command_id, {"ok": False, "refused": True, "error": why})

    def _say(self, command_id: str, outcome: Mapping[str, Any]) -> None:
        self._reply(
            command_id, json.dumps({"id": command_id, "t": self._now_ms(), **outcome}, ensure_ascii=False).encode()
        )


class CommandReply(NamedTuple):
    """One answer; it goes along with its publish as the tag."""

    command_id: str
    payload: bytes
    since_ms: int


class _Transport(Protocol):
    """An MQTT session."""

    @property
    def connected(self) -> bool:
        """Whether the broker is reached."""
        ...

    def publish(self, topic: str, payload: bytes, tag: object = None) -> None:
        """Publish at QoS 1; what became of it comes to `Replies.settled`."""
        ...


class Replies:
    """Keeps answers to commands until the broker has them; any thread may call everything here.

    The link may be away at the moment when an outcome is known.
    """

    def __init__(self, station: str, transport: _Transport, now_ms: Callable[[], int]) -> None:
        self._station, self._transport, self._now_ms = station, transport, now_ms
        self._lock = threading.Lock()
        self._waiting: list[CommandReply] = []

    def say(self, command_id: str, payload: bytes) -> None:
        """Send an answer, now or when the link is back."""
        with self._lock:
            self._waiting.append(CommandReply(command_id, payload, self._now_ms()))
        self.turn()

    def settled(self, answer: SettledPublish) -> None:
        """Take the outcome of a publish from the session; only replies count."""
        if isinstance(answer.tag, CommandReply) and answer.outcome in (Outcome.UNKNOWN, Outcome.BUSY):
            with self._lock:
                self._waiting.append(answer.tag)

    def turn(self) -> None:
        """Send what waits, if there is a link; called again and again."""
        if not self._transport.connected:
            return
        now_ms = self._now_ms()
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for reply in waiting:
            if now_ms - reply.since_ms < LONGEST_REPLY_MS:
                self._transport.publish(topic(self._station, "reply"), reply.payload, reply)
