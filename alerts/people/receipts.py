"""Receipts of providers: whether a message that they took has arrived."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from alerts.telling.notification import MessageStatus
from alerts.telling.outbox import settle
from quantrac.database.pool import Connection

DONE, REFUSED = "5", "4"
"""SendStatus of eSMS: finished; refused. Others are on the way (1 awaits approval, 2 queued, 7 awaits the network)."""


def note_esms_receipt(conn: Connection, receipt: Mapping[str, str], now: datetime) -> bool:
    """Settle the message that a receipt of eSMS speaks of, once; return whether one was settled.

    A receipt may come up to five times, and may speak of a message that is not ours: neither changes anything.
    """
    try:
        key = UUID(hex=receipt.get("RequestId", ""))
    except ValueError:
        return False
    settled = outcome(receipt)
    return settled is not None and settle(conn, key, settled[1], now)


def outcome(receipt: Mapping[str, str]) -> tuple[MessageStatus, str | None] | None:
    """Return the status and the error of a receipt's message; None: it is still on its way. Pure."""
    state, why = receipt.get("SendStatus"), receipt.get("error_info", "")
    if state == DONE and receipt.get("SendSuccess", "0") != "0":
        return MessageStatus.DELIVERED, None
    if state in (DONE, REFUSED):
        return MessageStatus.FAILED, f"eSMS: not delivered {why}".rstrip()
    return None
