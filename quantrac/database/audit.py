"""The audit: one row for every act of a person, in the transaction of the act."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from quantrac.database.pool import Connection

AUDIT = "insert into audit (at, person, action, subject, reason, detail) values (%s, %s, %s, %s, %s, %s)"


def record(
    conn: Connection,
    now: datetime,
    person: str,
    action: str,
    subject: str,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write one row: `action` is a word such as `apply`, `subject` what it was done to (`station st-my-thanh`)."""
    conn.execute(AUDIT, [now, person, action, subject, reason, None if detail is None else Jsonb(dict(detail))])
