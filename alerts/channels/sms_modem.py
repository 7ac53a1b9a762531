"""Carrier of SMS by a GSM modem: parts begun, handed over, settled by status reports; and the answers of people."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from alerts.channels import pdu
from alerts.channels.at_dialogue import AtDialogue, ModemError, ModemRefused, ModemSilent, NoPort
from alerts.telling import gsm
from alerts.telling.notifier import Gone, NeedsPerson, OutcomeUnknown, Outgoing, TryAgain, UndeliverableError
from alerts.telling.part_journal import PartJournal, PartReport, PartState
from quantrac.observe import logs, metrics

GONE: Final = {1: "number not assigned", 28: "unidentified subscriber", 30: "unknown subscriber"}
"""Causes of +CMS ERROR (3GPP TS 24.011 E.2) that concern the address."""
PERSON: Final = {
    8: "operator barred the SIM", 10: "messages barred", 50: "SIM not subscribed", 69: "facility not there",
    302: "operation not allowed", 303: "operation not supported", 304: "modem refuses the PDU", 305: "bad text mode",
    310: "no SIM", 311: "SIM asks for its PIN", 313: "SIM failure", 315: "wrong SIM", 316: "SIM asks for its PUK",
    330: "service centre unknown",
}  # fmt: skip
NETWORK_TIMEOUT: Final = 332
"""The network did not answer the modem: nobody can know."""
REGISTERED: Final = {"1", "5"}
NO_SIGNAL: Final = 99
LOOK_AGAIN_S: Final = 30.0
"""How long what is known of SIM and network counts."""

SIGNAL = metrics.gauge("quantrac_alerts_modem_signal", "Signal that the modem reports, 0 to 31; -1: none.")

log = logs.logger(__name__)


class Mailbox(Protocol):
    """Takes the short messages that people send to the SIM."""

    def take(self, message: pdu.Deliver) -> None:
        """Commit a message; the same one may come twice. Raises TryAgain: then it stays in the modem."""


class ModemNotifier:
    """One modem with one SIM. Threads wait for one another; a SIM with a PIN is refused, never tried."""

    name = "modem"

    def __init__(
        self,
        path: str,
        journal: PartJournal,
        inbox: Mailbox,
        *,
        submit_s: float = 60.0,
        command_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._journal, self._inbox = path, journal, inbox
        self._submit_s, self._command_s, self._clock = submit_s, command_s, clock
        self._lock = threading.Lock()
        self._dialogue: AtDialogue | None = None
        self._reports: list[str] = []
        self._looked_at = float("-inf")

    def send(self, message: Outgoing) -> str | None:
        """Hand over every part that is not sent yet, and return the references; see Notifier."""
        text = with_answer(message.body, message.answer)
        parts = pdu.submits(message.to, text, group=int(message.key[:2], 16))
        with self._lock:
            known = self._journal.states(message.key)
            if PartState.IN_DOUBT in known.values():
                raise OutcomeUnknown("the process ended while the modem had the message; held")
            references = [
                self._submit(message, part, place, len(parts))
                for place, part in enumerate(parts, start=1)
                if known.get(place) is not PartState.SENT
            ]
        return " ".join(map(str, references)) or None

    def is_in_doubt(self, key: str) -> bool:
        """Whether a hand-over of this message was begun and never ended."""
        return PartState.IN_DOUBT in self._journal.states(key).values()

    def attend(self) -> None:
        """Take in status reports and messages, look at SIM and signal. Raises UndeliverableError: out of order."""
        with self._lock:
            dialogue = self._ready()
            try:
                dialogue.listen()
                if dialogue.has_mail:
                    self._sweep(dialogue)
            except ModemError as error:
                self._drop()
                raise TryAgain(f"modem: {error}") from error
            self._gather(dialogue)
            reports, self._reports = self._reports, []
        for report in reports:  # without the lock: the row of the message may be held by who waits for the modem
            self._settle(report)

    def close(self) -> None:
        """Give the port back."""
        with self._lock:
            self._drop()
        self._journal.close()

    def _submit(self, message: Outgoing, part: pdu.Submit, place: int, parts: int) -> int:
        dialogue = self._ready()
        begun = False

        def begin() -> None:
            nonlocal begun
            self._journal.begun(message.key, place, parts, message.to)
            begun = True

        try:
            reference = dialogue.submit(part.hex, part.length, begin, self._submit_s, self._command_s)
        except ModemRefused as error:
            raise self._refusal(error, message.key, place, begun=begun) from error
        except (ModemSilent, NoPort) as error:
            self._drop()
            if begun:
                raise OutcomeUnknown(f"modem: {error}; the message may have been sent; held") from error
            raise TryAgain(f"modem: {error}") from error
        except TryAgain:  # the journal has no database: the prompt is left, nothing was sent
            self._drop()
            raise
        self._journal.sent(message.key, place, reference)
        return reference

    def _refusal(self, error: ModemRefused, key: str, place: int, *, begun: bool) -> UndeliverableError:
        code = error.code
        if code == NETWORK_TIMEOUT and begun:
            return OutcomeUnknown("modem: 332 the network did not answer; the message may have been sent; held")
        if begun:
            self._journal.refused(key, place, str(error))
        if code in GONE:
            return Gone(f"modem: {code} {GONE[code]}")
        if code in PERSON:
            self._looked_at = float("-inf")
            return NeedsPerson(f"modem: {code} {PERSON[code]}")
        return TryAgain(f"modem: {error}")

    def _ready(self) -> AtDialogue:
        """Return a dialogue in step with a modem that has a SIM and a network. Raises TryAgain, NeedsPerson."""
        try:
            if self._dialogue is None:
                self._dialogue = AtDialogue(self._path)
                self._begin(self._dialogue)
            self._dialogue.listen()
            if self._dialogue.has_restarted:
                self._begin(self._dialogue)
            if self._clock() - self._looked_at > LOOK_AGAIN_S:
                self._look(self._dialogue)
        except ModemRefused as error:
            self._drop()
            if error.code in PERSON:
                raise NeedsPerson(f"modem: {error.code} {PERSON[error.code]}") from error
            raise TryAgain(f"modem: {error}") from error
        except ModemError as error:
            self._drop()
            raise TryAgain(f"modem: {error}") from error
        except UndeliverableError:
            self._drop()
            raise
        return self._dialogue

    def _begin(self, dialogue: AtDialogue) -> None:
        """Set the modem's modes, and fetch what came meanwhile."""
        dialogue.settle(self._command_s)
        self._looked_at = float("-inf")
        for command in ("ATE0", "AT+CMEE=1"):
            dialogue.command(command, self._command_s)
        self._ask_for_pin(dialogue)
        for command in ("AT+CMGF=0", "AT+CNMI=2,1,0,1,0"):  # PDU mode; messages are stored, reports come directly
            dialogue.command(command, self._command_s)
        self._sweep(dialogue)

    def _ask_for_pin(self, dialogue: AtDialogue) -> None:
        (state,) = _values(dialogue.command("AT+CPIN?", self._command_s, needs="+CPIN:"), "+CPIN:")
        if state != "READY":
            raise NeedsPerson(
                f"modem: the SIM says {state}: take the PIN off the SIM in a telephone; none is ever tried"
            )

    def _look(self, dialogue: AtDialogue) -> None:
        registration = _values(dialogue.command("AT+CREG?", self._command_s, needs="+CREG:"), "+CREG:")
        signal = _values(dialogue.command("AT+CSQ", self._command_s, needs="+CSQ:"), "+CSQ:")
        strength = int(signal[0])
        SIGNAL.set(-1 if strength == NO_SIGNAL else strength)
        if len(registration) < 2 or registration[1] not in REGISTERED or strength == NO_SIGNAL:
            raise TryAgain(f"modem: no network (registration {','.join(registration)}, signal {strength})")
        self._looked_at = self._clock()

    def _sweep(self, dialogue: AtDialogue) -> None:
        """Fetch the stored messages; each leaves the modem only after the inbox has committed it."""
        dialogue.has_mail = False
        lines = dialogue.command("AT+CMGL=4", self._command_s)
        for head, body in itertools.pairwise(lines):
            if not head.startswith("+CMGL:"):
                continue
            try:
                message = pdu.decode(body)
                if isinstance(message, pdu.Deliver):
                    self._inbox.take(message)
            except pdu.PduError as error:
                log.warning("stored_message_not_understood", error=str(error))
            except TryAgain as error:
                dialogue.has_mail = True
                log.warning("stored_message_left_in_modem", error=str(error))
                return
            dialogue.command(f"AT+CMGD={_values([head], '+CMGL:')[0]}", self._command_s)

    def _settle(self, report: str) -> None:
        try:
            found = pdu.decode(report)
        except pdu.PduError as error:
            log.warning("status_report_not_understood", error=str(error))
            return
        if isinstance(found, pdu.StatusReport):
            fate = PartReport(found.to, found.reference, found.status, found.has_arrived, found.is_final, found.sent_at)
            if not self._journal.reported(fate):
                log.info("status_report_unclaimed", reference=found.reference)

    def _gather(self, dialogue: AtDialogue) -> None:
        self._reports += dialogue.reports
        dialogue.reports.clear()

    def _drop(self) -> None:
        if self._dialogue is not None:
            self._gather(self._dialogue)
            self._dialogue.close()
            self._dialogue = None
        self._looked_at = float("-inf")


def _values(lines: list[str], prefix: str) -> list[str]:
    """Return what stands after the prefix in the first line that has it, split at commas."""
    found = next((line for line in lines if line.startswith(prefix)), None)
    return [] if found is None else [value.strip(' "') for value in found[len(prefix) :].split(",")]


def with_answer(text: str, answer: str) -> str:
    """Say how to answer where it costs no further part."""
    if not answer:
        return text
    longer = f"{text} Tra loi: {answer}"
    return longer if gsm.length(longer).segments == gsm.length(text).segments else text
