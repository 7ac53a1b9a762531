"""Carrier of webhooks: one JSON object by HTTPS POST to an address of the contact, signed.

Signature as other webhooks have it: header `Quantrac-Signature: t=<seconds since 1970>,v1=<hex>`, where v1 is the
HMAC-SHA256 with the shared secret over `<t>.<body>`; a receiver refuses a `t` that is minutes old.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from typing import Final

from alerts.channels.http_api import HttpApi
from alerts.telling.notifier import Gone, NeedsPerson, Outgoing, TryAgain

GONE: Final = frozenset({404, 410})
BUSY: Final = frozenset({408, 423, 425, 429})

Clock = Callable[[], datetime]


class WebhookNotifier:
    """Posts the facts of a message and its words; `Idempotency-Key` is equal for every attempt."""

    name = "webhook"

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret = secret.encode()
        self._clock = clock
        self._api = HttpApi(self.name)

    def send(self, message: Outgoing) -> str | None:
        """Hand one message over; see Notifier."""
        body = json.dumps(payload(message), ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.key,
            "Quantrac-Signature": signature(self._secret, int(self._clock().timestamp()), body),
        }
        _judge(self._api.post(message.to, content=body, headers=headers).status_code)
        return None

    def close(self) -> None:
        """Close the connections."""
        self._api.close()


def payload(message: Outgoing) -> dict[str, object]:
    """Return what is posted: the facts of the message, and beside them the words for a person."""
    return {
        "id": message.key,
        "thread": message.thread,
        **message.facts,
        "subject": message.subject,
        "text": message.body,
    }


def signature(secret: bytes, t: int, body: bytes) -> str:
    """Return the value of the header `Quantrac-Signature` for a body sent at `t`, seconds since 1970."""
    return f"t={t},v1={hmac.new(secret, f'{t}.'.encode() + body, hashlib.sha256).hexdigest()}"


def _judge(status: int) -> None:
    """Return for any 2xx; raise what another status means. A redirect is not followed: the words would go elsewhere."""
    if 200 <= status < 300:
        return
    if status >= 500 or status in BUSY:
        raise TryAgain(f"webhook: HTTP {status}")
    raise (Gone if status in GONE else NeedsPerson)(f"webhook: HTTP {status}")
