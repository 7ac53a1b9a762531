"""Carrier for any other medium: an address that Apprise understands (`tgram://…`, `matrix://…`, `ntfy://…`).

Apprise says only whether it worked, and knows no idempotency key: a hand-over that was cut off may come twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.telling.notifier import Gone, Outgoing, TryAgain

if TYPE_CHECKING:
    from apprise import Apprise


class AppriseNotifier:
    """Hands each message to the service that its address names."""

    name = "apprise"

    def send(self, message: Outgoing) -> str | None:
        """Hand one message over; see Notifier."""
        if not _service(message.to).notify(title=message.subject, body=message.body, body_format="text"):
            raise TryAgain(f"apprise: {message.to.partition(':')[0]} took no message")
        return None

    def close(self) -> None:
        """Hold nothing between messages."""


def _service(address: str) -> Apprise:
    from apprise import Apprise  # loads for a third of a second; most centres have no such contact

    service = Apprise()
    if not service.add(address):
        raise Gone(f"apprise: {address.partition(':')[0]!r} is no kind of address that it knows")
    return service
