"""The desk of accounts: who may come in, with which roles; invitations instead of default passwords."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.desks.roles import Role, RoleGrant
from quantrac.telemetry.errors import TranslatableError

LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{1,79}")
INVITATION_LASTS: Final = timedelta(days=3)

GRANTS: Final = """
array(select array[role, array_to_string(stations, ',')] from account_role r where r.account_id = a.account_id
      order by role)
"""
"""The roles of account `a`, as `grants_of` reads them."""
ACCOUNTS: Final = f"""
select account_id, login, name, password_hash is not null, disabled_at,
       exists (select from account_totp t where t.account_id = a.account_id and t.secret is not null),
       exists (select from account_identity i where i.account_id = a.account_id),
       {GRANTS}
from account a where %(login)s::text is null or login = %(login)s order by login
"""  # noqa: S608  # our own text
ADD: Final = (
    "insert into account (login, name, created_at) values (%s, %s, %s) on conflict do nothing returning account_id"
)
GIVE: Final = """
insert into account_role (account_id, role, stations) values (%s, %s, %s)
on conflict (account_id, role) do update set stations = excluded.stations
"""
TAKE: Final = """
delete from account_role where account_id = %s and role = %s returning role, array_to_string(stations, ',')
"""
STATIONS: Final = "select station from station"
LINK: Final = "insert into account_link (link_hash, account_id, purpose, expires_at) values (%s, %s, %s, %s)"
FORGET: Final = "delete from account_link where account_id = %s and purpose = %s"
DISABLE: Final = "update account set disabled_at = %s where account_id = %s"
END_SESSIONS: Final = "delete from console_session where account_id = %s"


class AccountRefused(TranslatableError):
    """What was asked of the desk of accounts cannot be done; the text says why."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as lists show it."""

    account_id: int
    login: str
    name: str
    has_password: bool
    disabled_at: datetime | None
    has_second_factor: bool
    is_linked: bool
    """To a person of an OpenID Connect provider."""
    grants: tuple[RoleGrant, ...]


def add(conn: Connection, login: str, name: str, grants: Sequence[RoleGrant], person: str, now: datetime) -> AccountRow:
    """Make an account without a password: its person chooses one by the link of an invitation.

    Raises AccountRefused for a login that is taken or badly spelt, no name, no role, an unknown station.
    """
    if not LOGIN.fullmatch(login):
        raise AccountRefused(
            "login: found {found!r}, expected 2 to 80 of a-z 0-9 . _ @ -, such as an.tran", found=login
        )
    if not name.strip() or not name.isprintable():
        raise AccountRefused("name: found {found!r}, expected the person's full name", found=name)
    if not grants:
        raise AccountRefused("{login}: found no role, expected one of {roles}", login=login, roles=", ".join(Role))
    with conn.transaction():
        row = conn.execute(ADD, [login, name.strip(), now]).fetchone()
        if row is None:
            raise AccountRefused("there is an account {login} already; see `quantrac users list`", login=login)
        for grant in grants:
            _give(conn, row[0], grant)
        audit.record(conn, now, person, "add", f"account {login}", detail={"roles": [str(grant) for grant in grants]})
    return account(conn, login)


def invite(conn: Connection, login: str, person: str, now: datetime) -> str:
    """Return the secret of a one-time link by which the account's person chooses a password; earlier ones end.

    Raises AccountRefused where there is no such account, or it is disabled.
    """
    found = _enabled(conn, login)
    with conn.transaction():
        conn.execute(FORGET, [found.account_id, "password"])
        secret = make_link(conn, found.account_id, "password", now + INVITATION_LASTS)
        audit.record(conn, now, person, "invite", f"account {login}")
    return secret


def make_link(conn: Connection, account_id: int, purpose: Literal["password", "sign in"], expires_at: datetime) -> str:
    """Return the secret of a new link; the database keeps its hash."""
    secret = secrets.token_urlsafe(32)
    conn.execute(LINK, [hash_of(secret), account_id, purpose, expires_at])
    return secret


def change_role(
    conn: Connection,
    login: str,
    grant: RoleGrant,
    person: str,
    reason: str | None,
    now: datetime,
    *,
    take: bool = False,
) -> AccountRow:
    """Give an account a role, at these stations instead of earlier ones, or take it wherever it has it.

    Raises AccountRefused, also for stations with `take`: it would not be clear where the role stays.
    """
    found = account(conn, login)
    if take and grant.stations is not None:
        raise AccountRefused(
            "--take takes the role at all stations: leave --stations out;"
            " to take it at some only, give the role again with --stations and those that stay"
        )
    with conn.transaction():
        if take:
            held = conn.execute(TAKE, [found.account_id, grant.role]).fetchone()
            if held is None:
                raise AccountRefused("{login} is no {role}", login=login, role=grant.role.value)
            (grant,) = grants_of([held])
        else:
            _give(conn, found.account_id, grant)
        said = {"role": str(grant), "taken": take}
        audit.record(conn, now, person, "change role", f"account {login}", reason, said)
    return account(conn, login)


def disable(conn: Connection, login: str, person: str, reason: str | None, now: datetime) -> None:
    """Disable an account: its sessions and links end at once. Raises AccountRefused."""
    found = _enabled(conn, login)
    with conn.transaction():
        conn.execute(DISABLE, [now, found.account_id])
        conn.execute(END_SESSIONS, [found.account_id])
        for purpose in ("password", "sign in"):
            conn.execute(FORGET, [found.account_id, purpose])
        audit.record(conn, now, person, "disable", f"account {login}", reason)


def enable(conn: Connection, login: str, person: str, reason: str | None, now: datetime) -> None:
    """Enable a disabled account, with the password it had. Raises AccountRefused."""
    found = account(conn, login)
    if found.disabled_at is None:
        raise AccountRefused("{login} is not disabled", login=login)
    with conn.transaction():
        conn.execute(DISABLE, [None, found.account_id])
        audit.record(conn, now, person, "enable", f"account {login}", reason)


def accounts(conn: Connection) -> list[AccountRow]:
    """Return every account, by login."""
    return [_row(row) for row in conn.execute(ACCOUNTS, {"login": None})]


def account(conn: Connection, login: str) -> AccountRow:
    """Return one account. Raises AccountRefused where there is none."""
    row = conn.execute(ACCOUNTS, {"login": login}).fetchone()
    if row is None:
        raise AccountRefused("there is no account {login}; see `quantrac users list`", login=login)
    return _row(row)


def grants_of(roles: Sequence[Sequence[Any]]) -> tuple[RoleGrant, ...]:
    """Return the roles of an account from pairs of a role and its stations with commas between them, None: all."""
    return tuple(
        RoleGrant(Role(role), None if stations is None else frozenset(stations.split(","))) for role, stations in roles
    )


def check_stations(conn: Connection, stations: frozenset[str] | None) -> None:
    """Raise AccountRefused for a station that the database does not know; None, all, is right."""
    known = {station for (station,) in conn.execute(STATIONS)}
    if unknown := sorted((stations or frozenset()) - known):
        raise AccountRefused(
            "found the station {found}, expected some of {known}",
            found=", ".join(unknown), known=", ".join(sorted(known)) or "none",
        )  # fmt: skip


def hash_of(secret: str) -> bytes:
    """Return what the database keeps of a random secret, which is long enough to need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def _row(row: Sequence[Any]) -> AccountRow:
    account_id, login, name, has_password, disabled_at, has_factor, is_linked, roles = row
    return AccountRow(account_id, login, name, has_password, disabled_at, has_factor, is_linked, grants_of(roles))


def _enabled(conn: Connection, login: str) -> AccountRow:
    found = account(conn, login)
    if found.disabled_at is not None:
        raise AccountRefused("{login} is disabled since {at}", login=login, at=found.disabled_at)
    return found


def _give(conn: Connection, account_id: int, grant: RoleGrant) -> None:
    check_stations(conn, grant.stations)
    conn.execute(GIVE, [account_id, grant.role, None if grant.stations is None else sorted(grant.stations)])
