"""Carrier of SMS by SpeedSMS.vn. It has no idempotency key: after a lost answer nobody knows a message's fate."""

from __future__ import annotations

from typing import Final

import httpx

from alerts.channels.http_api import HttpApi, object_of
from alerts.channels.templates import registered_text
from alerts.telling.notifier import Gone, NeedsPerson, OutcomeUnknown, Outgoing, TryAgain
from alerts.telling.part_journal import PartJournal, PartState
from quantrac.config.notifications import Templates

BASE_URL: Final = "https://api.speedsms.vn"
PATH: Final = "/index.php/sms/send"
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
        self._api = HttpApi("SpeedSMS", base_url or BASE_URL, auth=(token, "x"))

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
            reference = reference_of(self._api.post(PATH, json=request))
        except (Gone, NeedsPerson, TryAgain) as error:
            if isinstance(error, TryAgain) and error.may_have_arrived:
                raise OutcomeUnknown(f"{error}; it may have been sent; held") from error
            self._journal.refused(message.key, 1, str(error))
            raise
        self._journal.sent(message.key, 1, None)
        return reference

    def is_in_doubt(self, key: str) -> bool:
        """Whether a hand-over of this message was begun and never ended."""
        return PartState.IN_DOUBT in self._journal.states(key).values()

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
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
        answer = object_of("SpeedSMS", response)
    except TryAgain as error:
        raise OutcomeUnknown(f"{error}; held") from error
    code, data = str(answer.get("code", "")), answer.get("data")
    found = data if isinstance(data, dict) else {}
    if found.get("invalidPhone"):
        raise Gone("SpeedSMS: the phone number is refused")
    if answer.get("status") == "success" and code in ("00", ""):
        return str(found["tranId"]) if found.get("tranId") else None
    raise NeedsPerson(f"SpeedSMS: {code} {PERSON.get(code, 'unknown code')} {answer.get('message') or ''}".rstrip())
