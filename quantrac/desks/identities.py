"""The desk of identities: which account a person of an OpenID Connect provider gets, and who linked it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlsplit

from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.desks.accounts import END_SESSIONS, LOGIN, AccountRefused, account, add
from quantrac.desks.roles import Role, RoleGrant
from quantrac.desks.sessions import SessionLimits, SignInRefused, open_session
from quantrac.telemetry.words import Words

FOUND: Final = """
select a.account_id, a.login, a.name, a.disabled_at is null, i.by_groups
from account_identity i join account a using (account_id)
where i.issuer = %s and i.kind = %s and i.value = %s for update
"""
LINK: Final = """
insert into account_identity (issuer, kind, value, account_id, by_groups) values (%s, %s, %s, %s, %s)
on conflict do nothing
"""
USED_EMAIL: Final = "delete from account_identity where issuer = %s and kind = 'email' and value = %s"
UNLINK: Final = "delete from account_identity where account_id = %s"
ONE_AFTER_ANOTHER: Final = "select pg_advisory_xact_lock(hashtextextended('identity ' || %s, 0))"
TAKE_OTHERS: Final = "delete from account_role where account_id = %s and role <> all(%s::text[])"
GIVE_MISSING: Final = """
insert into account_role (account_id, role) select %s, unnest(%s::text[]) on conflict do nothing
"""
OTHER_NAMES: Final = "select name from account where account_id <> %s"

DISABLED: Final = Words("tài khoản này đã bị khóa", "this account is disabled")
NO_GROUP: Final = Words(
    "bạn không còn ở nhóm nào được vào bảng điều khiển", "you are in no group any more that may use the console"
)


class IdentityRefused(SignInRefused):
    """The person whom the provider proved has no account; `words` say why in both languages."""


@dataclass(frozen=True, slots=True)
class ProvenPerson:
    """A person, as a provider proved them."""

    issuer: str
    subject: str
    """Never given to anybody else at that provider."""
    email: str | None
    """None: the provider has none, or did not verify it."""
    login: str
    """What they are called at the provider."""
    name: str
    groups: frozenset[str]
    is_proven: bool
    """They gave a second factor at the provider."""


def sign_in(
    conn: Connection, who: ProvenPerson, roles: Mapping[str, Role], address: str, limits: SessionLimits, now: datetime
) -> str:
    """Return the secret of a new session. `roles`: of groups that get an account. Raises IdentityRefused.

    It is the account that is linked to the subject, else to the verified e-mail address, which the subject replaces.
    """
    granted = {roles[group] for group in who.groups if group in roles}
    with conn.transaction(), audit.coming(audit.Origin("console", None, None, address)):
        conn.execute(ONE_AFTER_ANOTHER, [who.subject])
        account_id, login, name, is_enabled, by_groups = _account(conn, who, granted, now)
        if by_groups:
            _set_roles(conn, account_id, login, granted, who.issuer, now)
        if is_enabled and (granted or not by_groups):
            return open_session(
                conn, account_id, login, name, address, limits, now, is_proven=who.is_proven, issuer=who.issuer
            )
    raise IdentityRefused(NO_GROUP if is_enabled else DISABLED)


def link(
    conn: Connection, login: str, issuer: str, kind: Literal["subject", "email"], value: str, person: str, now: datetime
) -> None:
    """Link a person of a provider to an account. Raises AccountRefused for one who is linked already."""
    value = value.strip().lower() if kind == "email" else value.strip()
    if not value or not value.isprintable() or (kind == "email" and "@" not in value):
        raise AccountRefused(
            "{kind}: found {found!r}, expected what the provider has for the person", kind=kind, found=value
        )
    found = account(conn, login)
    with conn.transaction():
        if not conn.execute(LINK, [issuer, kind, value, found.account_id, False]).rowcount:
            raise AccountRefused(
                '{kind} {value} is linked already; see `quantrac audit --act "link identity"`', kind=kind, value=value
            )
        said = {"issuer": issuer, kind: value}
        audit.record(conn, now, person, "link identity", f"account {login}", detail=said)


def unlink(conn: Connection, login: str, person: str, reason: str | None, now: datetime) -> None:
    """Unlink an account from its person at a provider; its sessions end. Raises AccountRefused."""
    found = account(conn, login)
    with conn.transaction():
        if not conn.execute(UNLINK, [found.account_id]).rowcount:
            raise AccountRefused("{login} is linked to nobody at a provider", login=login)
        conn.execute(END_SESSIONS, [found.account_id])
        audit.record(conn, now, person, "unlink identity", f"account {login}", reason)


def login_of(wished: str) -> str:
    """Return a login made from a name at a provider: small letters without marks or domain. Pure."""
    letters = unicodedata.normalize("NFKD", wished.partition("@")[0].lower().replace("đ", "d"))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9._-]+", ".", plain).strip("._-")[:80]


def is_same_name(one: str, other: str) -> bool:
    """Tell whether people read two names as one: whatever their case, blanks and Unicode forms. Pure."""
    first, second = (" ".join(unicodedata.normalize("NFKC", name).casefold().split()) for name in (one, other))
    return first == second


def _account(
    conn: Connection, who: ProvenPerson, granted: set[Role], now: datetime
) -> tuple[int, str, str, bool, bool]:
    """Return number, login, name of the account, whether it is enabled, and whether groups say its roles."""
    row = conn.execute(FOUND, [who.issuer, "subject", who.subject]).fetchone()
    if row is None and who.email is not None:
        row = conn.execute(FOUND, [who.issuer, "email", who.email.lower()]).fetchone()
        if row is not None:
            conn.execute(USED_EMAIL, [who.issuer, who.email.lower()])
            _keep(conn, who, row[0], row[1], now, by_groups=False)
    if row is not None:
        return row[0], row[1], row[2], row[3], row[4]
    if not granted:
        raise IdentityRefused(_unknown(who))
    login, provider = login_of(who.login), urlsplit(who.issuer).netloc
    if not LOGIN.fullmatch(login):
        raise IdentityRefused(_unknown(who))
    conn.execute(ONE_AFTER_ANOTHER, ["of a new account"])  # else two of one name come at once
    try:
        made = add(conn, login, who.name, [RoleGrant(role) for role in sorted(granted)], provider, now)
    except AccountRefused:  # the login is somebody's: only an administrator knows whether they are the same person
        raise IdentityRefused(_unknown(who)) from None
    if any(is_same_name(made.name, name) for (name,) in conn.execute(OTHER_NAMES, [made.account_id])):
        raise IdentityRefused(_name_is_taken(who))
    _keep(conn, who, made.account_id, login, now, by_groups=True)
    return made.account_id, login, made.name, True, True


def _keep(conn: Connection, who: ProvenPerson, account_id: int, login: str, now: datetime, *, by_groups: bool) -> None:
    conn.execute(LINK, [who.issuer, "subject", who.subject, account_id, by_groups])
    said = {"issuer": who.issuer, "subject": who.subject}
    audit.record(conn, now, urlsplit(who.issuer).netloc, "link identity", f"account {login}", detail=said)


def _set_roles(
    conn: Connection, account_id: int, login: str, granted: set[Role], issuer: str, now: datetime
) -> None:  # fmt: skip
    """Give the account the roles of its groups and no other; one that it has keeps its limit to stations."""
    roles = sorted(role.value for role in granted)
    if not sum(conn.execute(change, [account_id, roles]).rowcount for change in (TAKE_OTHERS, GIVE_MISSING)):
        return
    said = {"roles": roles, "because": "groups at the provider"}
    audit.record(conn, now, urlsplit(issuer).netloc, "change role", f"account {login}", detail=said)


def _known(who: ProvenPerson) -> str:
    return f"subject {who.subject}" + ("" if who.email is None else f", email {who.email}")


def _unknown(who: ProvenPerson) -> Words:
    return Words(
        f"chưa có tài khoản nào được nối với bạn ({_known(who)}); hãy gửi dòng này cho người quản trị "
        "(quantrac users link)",
        f"no account is linked to you ({_known(who)}); send this line to an administrator (quantrac users link)",
    )


def _name_is_taken(who: ProvenPerson) -> Words:
    return Words(
        f"đã có tài khoản mang tên {who.name}; hãy gửi dòng này cho người quản trị: nếu đó là bạn thì nối tài khoản "
        f"(quantrac users link), nếu không thì tạo tài khoản với tên khác ({_known(who)})",
        f"another account has the name {who.name} already; send this line to an administrator: if it is yours, "
        f"quantrac users link; if not, quantrac users add with a name that differs ({_known(who)})",
    )
