"""The desk of sessions: signing in by password or link, what a session proves, its two limits, signing out."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from quantrac.database import audit
from quantrac.database.pool import Connect, Connection
from quantrac.desks import passwords
from quantrac.desks.accounts import END_SESSIONS, FORGET, GRANTS, grants_of, hash_of
from quantrac.desks.passwords import HashersBusy
from quantrac.desks.roles import RoleGrant
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.words import Words

Owed = Literal["code", "enrolment"] | None
"""What a session waits for before it counts: a code of the account's second factor, or that its person enrols one."""

ATTEMPTS_COUNT_FOR: Final = timedelta(minutes=15)
MOST_OF_BOTH, MOST_OF_ADDRESS, MOST_OF_LOGIN = 5, 30, 50
"""Failed attempts that are borne: of a login from one network, of a network, of a login. So a stranger who guesses
locks out himself, long before he locks out the person whose login he guesses."""
NETWORK_KNOWN_FOR: Final = timedelta(days=30)
"""How long after its person came in from a network the limit of a login does not count there: whoever guesses from many
networks locks out nobody who comes from his own."""
USE_NOTED_EVERY: Final = timedelta(seconds=60)

FAILURES: Final = """
select count(*) filter (where failed and login = %(login)s and address = %(address)s),
       count(*) filter (where failed and address = %(address)s),
       count(*) filter (where failed and login = %(login)s),
       coalesce(bool_or(not failed and login = %(login)s and address = %(address)s), false)
from sign_in_attempt where (login = %(login)s or address = %(address)s) and (not failed or at > %(since)s)
"""
ONE_AFTER_ANOTHER: Final = "select pg_advisory_xact_lock(hashtextextended('sign in ' || %s, 0))"
OVER: Final = "delete from sign_in_attempt where at <= %(known_since)s or (failed and at <= %(since)s)"
ATTEMPT: Final = """
insert into sign_in_attempt (at, login, address, failed) values (%s, %s, %s, %s) returning sign_in_attempt_id
"""
TAKE_BACK: Final = "delete from sign_in_attempt where sign_in_attempt_id = %s"
EARLIER: Final = "delete from sign_in_attempt where login = %s and address = %s"
ACCOUNT: Final = "select account_id, password_hash from account where login = %s and disabled_at is null"
VERIFIED: Final = """
select login, name from account
where account_id = %s and password_hash = %s and disabled_at is null for update
"""
LINKED: Final = """
select a.account_id, a.login, a.name from account_link l join account a using (account_id)
where l.link_hash = %s and l.purpose = %s and l.expires_at > %s and a.disabled_at is null for update of a
"""
PURPOSE: Final = """
select purpose from account_link join account using (account_id)
where link_hash = %s and expires_at > %s and disabled_at is null
"""
USED: Final = "delete from account_link where link_hash = %s"
NEW_HASH: Final = "update account set password_hash = %s where account_id = %s"
OPEN: Final = """
insert into console_session (session_hash, account_id, address, created_at, used_at, is_proven, issuer)
values (%s, %s, %s, %s, %s, %s, %s)
"""
_OWES: Final = """
case when exists (select from account_totp t where t.account_id = a.account_id and t.secret is not null) then 'code'
     when exists (select from account_role r join role_demand d using (role) where r.account_id = a.account_id)
     then 'enrolment' end
"""
OWES: Final = f"select {_OWES} from account a where account_id = %s"  # noqa: S608  # our own text
END: Final = "delete from console_session where session_hash = %s returning account_id, issuer"
TOO_OLD: Final = "delete from console_session where created_at <= %s or used_at <= %s"
SESSION: Final = f"""
select a.login, a.name, s.used_at, {GRANTS},
       case when not s.is_proven then {_OWES} end
from console_session s join account a using (account_id)
where s.session_hash = %s and s.created_at > %s and s.used_at > %s and a.disabled_at is null
"""  # noqa: S608
USE: Final = "update console_session set used_at = %s where session_hash = %s"
NAME: Final = "select name, login from account where account_id = %s"


class SignInRefused(QuantracError):
    """The sign-in is refused; `words` say why in both languages, and never whether the login exists."""

    def __init__(self, words: Words) -> None:
        super().__init__(words.en)
        self.words = words


class TooManyAttempts(SignInRefused):
    """Too many attempts have failed: no other is looked at for a while."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lasts."""

    idle: timedelta
    """Without a request; an open page makes some."""
    absolute: timedelta
    """Since it was opened."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a session belongs to."""

    login: str
    name: str
    grants: tuple[RoleGrant, ...]
    """None while the session owes a second factor."""
    owes: Owed = None


WRONG: Final = Words("tên đăng nhập hoặc mật khẩu không đúng", "login or password is wrong")
TOO_MANY: Final = Words("thử sai quá nhiều lần; hãy đợi 15 phút", "too many wrong attempts; wait for 15 minutes")
LINK_OVER: Final = Words(
    "liên kết đã hết hạn hoặc đã được dùng; hãy xin liên kết mới",
    "this link has run out or was used; ask for a new one",
)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A sign-in whose password is not looked at yet."""

    sign_in_attempt_id: int
    account_id: int | None
    known: str | None
    """The hash of the account's password; None: there is no such account, or it has none."""


def sign_in(connect: Connect, login: str, password: str, address: str, limits: SessionLimits, now: datetime) -> str:
    """Return the secret of a new session. Raises SignInRefused, TooManyAttempts, passwords.HashersBusy.

    An attempt counts as failed from before it is looked at, so that many at a time get no more guesses.
    """
    with connect() as conn:
        attempt = begin_attempt(conn, login.strip().lower(), network_of(address), now)
    try:
        is_right, renewed = passwords.verifies(password, attempt.known), None
        if is_right and attempt.known is not None and passwords.is_outdated(attempt.known):
            renewed = passwords.hashed(password)
    except HashersBusy:  # nobody has looked at it
        with connect() as conn:
            take_back(conn, attempt)
        raise
    if not is_right or attempt.account_id is None:
        raise SignInRefused(WRONG)
    with connect() as conn, conn.transaction():
        row = conn.execute(VERIFIED, [attempt.account_id, attempt.known]).fetchone()
        if row is None:  # disabled, or given another password, while this one was verified
            raise SignInRefused(WRONG)
        if renewed is not None:
            conn.execute(NEW_HASH, [renewed, attempt.account_id])
        login, name = row
        return open_session(conn, attempt.account_id, login, name, address, limits, now)


def is_refused(of_both: int, of_address: int, of_login: int, is_known: bool) -> bool:
    """Tell whether so many failed attempts let nobody try again for a while. Pure.

    `is_known`: the login's person came in from this network lately.
    """
    return of_both >= MOST_OF_BOTH or of_address >= MOST_OF_ADDRESS or (of_login >= MOST_OF_LOGIN and not is_known)


def network_of(address: str) -> str:
    """Return what one person may have many addresses of: of IPv6 the /64, else the address. Pure."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is None:
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)


def purpose_of(conn: Connection, secret: str, now: datetime) -> str | None:
    """Return what a link is for, `password` or `sign in`; None for one that does not hold."""
    row = conn.execute(PURPOSE, [hash_of(secret), now]).fetchone()
    return None if row is None else str(row[0])


def enter(connect: Connect, secret: str, password: str, address: str, limits: SessionLimits, now: datetime) -> str:
    """Return the secret of a new session for whoever has a link; where it invites, `password` is the chosen one.

    Raises SignInRefused, passwords.PasswordRefused, passwords.HashersBusy.
    """
    with connect() as conn:
        if purpose_of(conn, secret, now) == "sign in":
            return sign_in_by_link(conn, secret, address, limits, now)
    return choose_password(connect, secret, password, address, limits, now)


def sign_in_by_link(conn: Connection, secret: str, address: str, limits: SessionLimits, now: datetime) -> str:
    """Return the secret of a new session for whoever has a sign-in link. Raises SignInRefused."""
    with conn.transaction():
        account_id, login, name = _linked(conn, secret, "sign in", now)
        return open_session(conn, account_id, login, name, address, limits, now)


def choose_password(
    connect: Connect, secret: str, password: str, address: str, limits: SessionLimits, now: datetime
) -> str:
    """Give the account of an invitation its password, and return the secret of a new session; all others end.

    The link is used up. Raises SignInRefused, passwords.PasswordRefused, passwords.HashersBusy.
    """
    with connect() as conn:
        _, login, _ = _linked(conn, secret, "password", now)
    passwords.check(password, login)
    made = passwords.hashed(password)
    with connect() as conn, conn.transaction():
        account_id, login, name = _linked(conn, secret, "password", now)
        if not conn.execute(USED, [hash_of(secret)]).rowcount:  # somebody else was faster
            raise SignInRefused(LINK_OVER)
        conn.execute(FORGET, [account_id, "password"])
        conn.execute(NEW_HASH, [made, account_id])
        conn.execute(END_SESSIONS, [account_id])
        with audit.coming(audit.Origin("console", login, None, address)):
            audit.record(conn, now, name, "choose password", f"account {login}")
        return open_session(conn, account_id, login, name, address, limits, now)


def signed_in(conn: Connection, secret: str, limits: SessionLimits, now: datetime) -> SignedIn | None:
    """Return who has this session, and note its use; None for one that is over, or whose account is disabled."""
    known = hash_of(secret)
    row = conn.execute(SESSION, [known, now - limits.absolute, now - limits.idle]).fetchone()
    if row is None:
        return None
    login, name, used_at, roles, owes = row
    if now - used_at > USE_NOTED_EVERY:
        conn.execute(USE, [now, known])
    return SignedIn(login, name, () if owes else grants_of(roles), owes)


def sign_out(conn: Connection, secret: str, address: str, now: datetime) -> str | None:
    """End a session, and return the provider that opened it; one that is over already is no error."""
    with conn.transaction():
        row = conn.execute(END, [hash_of(secret)]).fetchone()
        if row is not None:
            name, login = conn.execute(NAME, [row[0]]).fetchone() or ("", "")
            with audit.coming(audit.Origin("console", login, None, address)):
                audit.record(conn, now, name, "sign out", f"account {login}")
    return None if row is None else row[1]


def csrf_of(secret: str) -> str:
    """Return the token that a page of this session must send with every act: nothing leads from it to the session."""
    return hashlib.sha256(b"csrf " + secret.encode()).hexdigest()


def begin_attempt(conn: Connection, login: str, network: str, now: datetime) -> _Attempt:
    """Count an attempt as failed, and return what it is verified against. Raises TooManyAttempts."""
    since = {"since": now - ATTEMPTS_COUNT_FOR, "known_since": now - NETWORK_KNOWN_FOR}
    with conn.transaction():
        conn.execute(ONE_AFTER_ANOTHER, [network])
        conn.execute(OVER, since)
        found = conn.execute(FAILURES, {"login": login, "address": network, **since}).fetchone()
        if is_refused(*(found or (0, 0, 0, False))):
            raise TooManyAttempts(TOO_MANY)
        (number,) = conn.execute(ATTEMPT, [now, login, network, True]).fetchone() or (0,)
    return _Attempt(number, *(conn.execute(ACCOUNT, [login]).fetchone() or (None, None)))


def take_back(conn: Connection, attempt: _Attempt) -> None:
    """Remove an attempt from the count: it was right, or nobody could check it."""
    conn.execute(TAKE_BACK, [attempt.sign_in_attempt_id])


def _linked(conn: Connection, secret: str, purpose: str, now: datetime) -> tuple[Any, ...]:
    """Return number, login and name of a link's account, which a transaction keeps as it is. Raises SignInRefused."""
    row = conn.execute(LINKED, [hash_of(secret), purpose, now]).fetchone()
    if row is None:
        raise SignInRefused(LINK_OVER)
    return row


def open_session(
    conn: Connection,
    account_id: int,
    login: str,
    name: str,
    address: str,
    limits: SessionLimits,
    now: datetime,
    *,
    is_proven: bool = False,
    issuer: str | None = None,
) -> str:
    """Return the secret of a new session. It allows nothing while it owes a second factor that nobody has proven."""
    secret, network = secrets.token_urlsafe(32), network_of(address)
    (owes,) = (None,) if is_proven else conn.execute(OWES, [account_id]).fetchone() or (None,)
    if owes is None:  # else whoever has the password alone would have his guesses of codes forgiven
        conn.execute(EARLIER, [login, network])
        conn.execute(ATTEMPT, [now, login, network, False])
    conn.execute(TOO_OLD, [now - limits.absolute, now - limits.idle])
    conn.execute(OPEN, [hash_of(secret), account_id, address, now, now, is_proven, issuer])
    with audit.coming(audit.Origin("console", login, None, address)):
        said = {key: word for key, word in (("owes", owes), ("provider", issuer)) if word is not None}
        audit.record(conn, now, name, "sign in", f"account {login}", detail=said or None)
    return secret
