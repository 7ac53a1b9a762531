"""Carrier of SMS by SpeedSMS.vn. It has no idempotency key: after a lost answer nobody knows a message's fate."""

from __future__ import annotations

from typing import Any, Final

import httpx

from alerts.channels.templates import registered_text
from alerts.telling.notifier import Gone, NeedsPerson, OutcomeUnknown, Outgoing, TryAgain
from alerts.telling.part_journal import PartJournal, PartState
from quantrac.config.notifications import Templates

BASE_URL: Final = "https://api.speedsms.vn"
PATH: Final = "/index.php/sms/send"
TIMEOUT_S: Final = 10.0
BRANDNAME, RANDOM_NUMBER = 3, 2
"""sms_type."""
PERSON: Final = {"101": "wrong access token", "300": "balance too low"}


class SpeedSmsNotifier:
    """One POST a message; begun and ended stand in the journal."""

    name = "speedsms"

    def __init__(
        self,
        *,
        token: str,
        sender: str,
        journal: PartJournal,
        templates: Templates | None = None,
        base_url: str | None = None,
    ) -> None:
        self._sender, self._journal = sender, journal
        self._templates: Templates = templates or {}
        self._client = httpx.Client(base_url=base_url or BASE_URL, timeout=TIMEOUT_S, auth=(token, "x"))

    def send(self, message: Outgoing) -> str | None:
        """Hand one message over and return the provider's tranId; see Notifier."""
        if self.is_in_doubt(message.key):
            raise OutcomeUnknown("the process ended while SpeedSMS had the message; held")
        request = {
            "to": [message.to.lstrip("+")],
            "content": registered_text(self._templates, self.name, message),
            "sms_type": BRANDNAME if self._sender else RANDOM_NUMBER,
            "sender": self._sender,
        }
        self._journal.begun(message.key, 1, 1, message.to)
        try:
            response = self._client.post(PATH, json=request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            self._journal.refused(message.key, 1, type(error).__name__)
            raise TryAgain(f"SpeedSMS: {type(error).__name__} {error}") from error
        except httpx.TransportError as error:
            raise OutcomeUnknown(f"SpeedSMS: {type(error).__name__} {error}; it may have been sent; held") from error
        try:
            reference = reference_of(response)
        except (Gone, NeedsPerson, TryAgain) as error:
            self._journal.refused(message.key, 1, str(error))
            raise
        self._journal.sent(message.key, 1, None)
        return reference

    def is_in_doubt(self, key: str) -> bool:
        """Whether a hand-over of this message was begun and never ended."""
        return PartState.IN_DOUBT in self._journal.states(key).values()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._journal.close()


def reference_of(response: httpx.Response) -> str | None:
    """Return the tranId of an answer that says accepted. Raises OutcomeUnknown where the answer says nothing."""
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise TryAgain("SpeedSMS: HTTP 429")
    if response.status_code >= 500:
        raise OutcomeUnknown(f"SpeedSMS: HTTP {response.status_code}; it may have been sent; held")
    if response.status_code in (401, 403):
        raise NeedsPerson(f"SpeedSMS: HTTP {response.status_code} {PERSON['101']}")
    try:
        answer: Any = response.json()
    except ValueError as error:
        raise OutcomeUnknown(f"SpeedSMS: the answer is not JSON: {response.text[:80]!r}; held") from error
    if not isinstance(answer, dict):
        raise OutcomeUnknown(f"SpeedSMS: the answer is no object: {response.text[:80]!r}; held")
    code, data = str(answer.get("code", "")), answer.get("data")
    found = data if isinstance(data, dict) else {}
    if found.get("invalidPhone"):
        raise Gone("SpeedSMS: the phone number is refused")
    if answer.get("status") == "success" and code in ("00", ""):
        return str(found["tranId"]) if found.get("tranId") else None
    raise NeedsPerson(f"SpeedSMS: {code} {PERSON.get(code, 'unknown code')} {answer.get('message') or ''}".rstrip())
