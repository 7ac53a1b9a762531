"""The audit: one row for every act of a person, in the transaction of the act.

Rows are never changed. An act of somebody who gets messages bears `contact 12` (`contact_account`) as its person, and
`v_audit` looks the name up: whose data are erased has no name there any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from psycopg.types.json import Jsonb

from quantrac.database.pool import Connection
from quantrac.telemetry.errors import QuantracError

AUDIT: Final = """
insert into audit (at, person, action, subject, reason, detail, way, account, role, address)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

Way = Literal["command", "console", "link", "sms", "token", "service"]


class Nameless(QuantracError):
    """An act must have somebody who does it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The way of a request, and what let it in."""

    way: Way
    account: str | None = None
    """Login of the account, name of the token, or a contact (`contact_account`); None: nobody had to sign in."""
    role: str | None = None
    """The role by which the account may do it."""
    address: str | None = None
    """Network address from which it came."""


_ORIGIN: Final[ContextVar[Origin]] = ContextVar("origin", default=Origin("service"))  # noqa: B039  # it is frozen


def begin(origin: Origin) -> None:
    """Say how everything comes that this thread does from now on."""
    _ORIGIN.set(origin)


@contextmanager
def coming(origin: Origin) -> Iterator[None]:
    """Say how the acts of the block come."""
    token = _ORIGIN.set(origin)
    try:
        yield
    finally:
        _ORIGIN.reset(token)


def contact_account(contact_id: int) -> str:
    """Return what stands for a contact who acts by SMS or link, as account and as person: the name may be erased."""
    return f"contact {contact_id}"


def account() -> str | None:
    """Return the account in whose name acts come now; None: nobody had to sign in."""
    return _ORIGIN.get().account


def record(
    conn: Connection,
    now: datetime,
    person: str,
    action: str,
    subject: str,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write one row: `action` is a word such as `apply`, `subject` what it was done to (`station st-my-thanh`).

    `person`: a name; of a contact `contact_account`.

    The way comes from `begin` or `coming`, else it is `service`. Raises Nameless for a person of blanks, and for one
    named as a contact whose act it is not: `v_audit` would show that contact's name.
    """
    if not person.strip():
        raise Nameless(f"found the name {person!r}, expected who does it")
    origin = _ORIGIN.get()
    if re.fullmatch(r"contact [0-9]+", person) and person != origin.account:
        raise Nameless(f"found the name {person!r}, which stands for a contact, expected who does it")
    said = [now, person, action, subject, reason, None if detail is None else Jsonb(dict(detail))]
    conn.execute(AUDIT, [*said, origin.way, origin.account, origin.role, origin.address])
