"""The desk of tokens: what a program without a person may do, where, and until when."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.desks.accounts import AccountRefused, check_stations, hash_of
from quantrac.desks.roles import DeskAct

PREFIX: Final = "qt_"
"""So that a scanner of files recognises one that was left in them."""
LONGEST: Final = timedelta(days=400)
USE_NOTED_EVERY: Final = timedelta(seconds=60)

ADD: Final = """
insert into api_token (name, token_hash, scopes, stations, created_at, created_by, expires_at)
values (%s, %s, %s, %s, %s, %s, %s) on conflict (name) do nothing
"""
REVOKE: Final = "update api_token set revoked_at = %s where name = %s and revoked_at is null"
TOKENS: Final = """
select name, scopes, stations, created_at, created_by, expires_at, revoked_at, used_at from api_token order by name
"""
HOLDER: Final = """
select name, scopes, stations, used_at from api_token
where token_hash = %s and revoked_at is null and expires_at > %s
"""
USE: Final = "update api_token set used_at = %s where token_hash = %s"


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as lists show it; its secret was shown once."""

    name: str
    scopes: list[str]
    stations: list[str] | None
    """None: all."""
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None
    """When it was used last, to the minute."""


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """The program that sent a token."""

    name: str
    scopes: frozenset[DeskAct]
    stations: frozenset[str] | None

    def may(self, act: DeskAct, station: str | None, *, of_network: bool) -> bool:
        """Tell whether the token may do an act at a station (None: at none); it may read its part of the network."""
        is_here = self.stations is None or station in self.stations or (act is DeskAct.READ and of_network)
        return act in self.scopes and is_here


def add(
    conn: Connection, name: str, scopes: Iterable[DeskAct], stations: frozenset[str] | None, expires_at: datetime,
    person: str, now: datetime,
) -> str:  # fmt: skip
    """Return the secret of a new token, which nobody sees again.

    Raises AccountRefused for a name that is taken, for no scope or that of accounts, for an unknown station, for an end
    that is past or more than 400 days away.
    """
    wanted = sorted(set(scopes))
    if not wanted or DeskAct.ACCOUNTS in wanted:
        allowed = ", ".join(act for act in DeskAct if act is not DeskAct.ACCOUNTS)
        raise AccountRefused(
            "scope: found {found}, expected some of {allowed}", found=", ".join(wanted) or "none", allowed=allowed
        )
    if not name.strip() or not name.isprintable():
        raise AccountRefused("name: found {found!r}, expected which program it is for", found=name)
    if not now < expires_at <= now + LONGEST:
        raise AccountRefused(
            "a token ends within {days} days: found {end} as the end", days=LONGEST.days, end=expires_at
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    within = None if stations is None else sorted(stations)
    with conn.transaction():
        check_stations(conn, stations)
        if not conn.execute(ADD, [name, hash_of(secret), wanted, within, now, person, expires_at]).rowcount:
            raise AccountRefused("there is a token {name} already; see `quantrac tokens list`", name=name)
        said = {"scopes": wanted, "stations": within, "expires_at": expires_at.isoformat()}
        audit.record(conn, now, person, "add", f"token {name}", detail=said)
    return secret


def revoke(conn: Connection, name: str, person: str, reason: str | None, now: datetime) -> None:
    """Revoke a token at once. Raises AccountRefused where there is none in force."""
    with conn.transaction():
        if not conn.execute(REVOKE, [now, name]).rowcount:
            raise AccountRefused(
                "there is no token {name} that could be revoked; see `quantrac tokens list`", name=name
            )
        audit.record(conn, now, person, "revoke", f"token {name}", reason)


def tokens(conn: Connection) -> list[TokenRow]:
    """Return every token, by name, also those that are over."""
    return [TokenRow(*row) for row in conn.execute(TOKENS)]


def holder(conn: Connection, secret: str, now: datetime) -> TokenHolder | None:
    """Return whose token it is, and note its use; None for one that is unknown, revoked or over."""
    row = conn.execute(HOLDER, [hash_of(secret), now]).fetchone()
    if row is None:
        return None
    name, scopes, stations, used_at = row
    if used_at is None or now - used_at > USE_NOTED_EVERY:
        conn.execute(USE, [now, hash_of(secret)])
    within = None if stations is None else frozenset(stations)
    return TokenHolder(name, frozenset(DeskAct(scope) for scope in scopes), within)
