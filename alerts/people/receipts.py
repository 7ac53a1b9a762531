"""Receipts of providers: whether a message that they took has arrived."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from quantrac.database.pool import Connection

DONE, REFUSED = "5", "4"
"""SendStatus of eSMS: finished; refused. Others are on the way (1 awaits approval, 2 queued, 7 awaits the network)."""

SETTLE: Final = """
update notification set status = %(status)s, sent_at = coalesce(sent_at, %(now)s),
  delivered_at = case when %(status)s = 'delivered' then %(now)s end, error = %(error)s
where key = %(key)s and status in ('sent', 'unknown', 'queued')
"""


def note_esms_receipt(conn: Connection, receipt: Mapping[str, str], now: datetime) -> bool:
    """Settle the message that a receipt of eSMS speaks of, once; return whether one was settled.

    A receipt may come up to five times, and may speak of a message that is not ours: neither changes anything.
    """
    settled = outcome(receipt)
    try:
        key = UUID(hex=receipt.get("RequestId", ""))
    except ValueError:
        return False
    if settled is None:
        return False
    status, error = settled
    return conn.execute(SETTLE, {"key": key, "status": status, "error": error, "now": now}).rowcount == 1


def outcome(receipt: Mapping[str, str]) -> tuple[str, str | None] | None:
    """Return the status and the error of a receipt's message; None: it is still on its way. Pure."""
    state, why = receipt.get("SendStatus"), receipt.get("error_info", "")
    if state == DONE and receipt.get("SendSuccess", "0") != "0":
        return "delivered", None
    if state in (DONE, REFUSED):
        return "failed", f"eSMS: not delivered {why}".rstrip()
    return None
