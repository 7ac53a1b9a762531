"""Signed links: each lets its reader acknowledge one alarm in one person's name, until it expires. Pure.

A link only shows a page; acknowledging is a POST from there, for mail scanners follow every link they find.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from quantrac.config.settings import Settings
from quantrac.telemetry.errors import QuantracError

LASTS: Final = timedelta(days=7)
SIGNATURE_BYTES: Final = 16


class LinkRefused(QuantracError):
    """A link that was altered, cut, or has run out."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link stands for."""

    alarm_id: int
    contact_id: int


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links of one centre: `<public>/a/<alarm>.<contact>.<expires>.<signature>`."""

    public_url: str
    secret: str

    def to_alarm(self, alarm_id: int, contact_id: int, now: datetime) -> str:
        """Return the link with which a person may acknowledge an alarm."""
        words = f"{alarm_id}.{contact_id}.{int((now + LASTS).timestamp())}"
        return f"{self.public_url.rstrip('/')}/a/{words}.{_signature(self.secret, words)}"

    def word_for(self, purpose: str) -> str:
        """Return a word that only this centre knows, for the address at which a provider leaves receipts."""
        return _signature(self.secret, f"word {purpose}")

    def receipts(self, provider: str) -> str:
        """Return the address at which a provider leaves receipts."""
        return f"{self.public_url.rstrip('/')}/receipts/{provider}/{self.word_for(provider)}"

    def opened(self, token: str, now: datetime) -> Opened:
        """Return what a token stands for. Raises LinkRefused."""
        words, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), _signature(self.secret, words).encode()):
            raise LinkRefused("this link was not made here, or was cut")
        alarm_id, contact_id, expires = (int(part) for part in words.split("."))
        if datetime.fromtimestamp(expires, UTC) < now:
            raise LinkRefused("this link has run out")
        return Opened(alarm_id, contact_id)


def links_of(settings: Settings) -> Links | None:
    """Return what makes links, or None where the settings name no public address or no secret."""
    if settings.public_url is None or settings.link_secret is None:
        return None
    return Links(settings.public_url, settings.link_secret.get_secret_value())


def _signature(secret: str, words: str) -> str:
    digest = hmac.new(secret.encode(), f"acknowledge {words}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).rstrip(b"=").decode()
