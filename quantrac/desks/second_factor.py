"""The desk of second factors: enrolling an authenticator, proving a session with its codes, which roles demand it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from quantrac.database import audit
from quantrac.database.pool import Connect, Connection
from quantrac.desks import totp
from quantrac.desks.accounts import END_SESSIONS, account, hash_of
from quantrac.desks.roles import Role
from quantrac.desks.sessions import (
    END,
    SessionLimits,
    SignInRefused,
    begin_attempt,
    network_of,
    open_session,
)
from quantrac.desks.totp import Seal, SealBroken
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.words import Words

LOCK: Final = """
select from account where account_id = (select account_id from console_session where session_hash = %s) for update
"""
HOLDER: Final = """
select a.account_id, a.login, a.name, t.secret, t.pending
from console_session s join account a using (account_id) left join account_totp t using (account_id)
where s.session_hash = %s and s.created_at > %s and a.disabled_at is null
"""
BEGIN: Final = """
insert into account_totp (account_id, pending) values (%s, %s)
on conflict (account_id) do update set pending = excluded.pending where account_totp.secret is null
"""
CONFIRM: Final = """
update account_totp set secret = pending, pending = null, used_step = %s, confirmed_at = %s
where account_id = %s and pending = %s
"""
USED: Final = "update account_totp set used_step = %(step)s where account_id = %(account)s and used_step < %(step)s"
FORGIVEN: Final = "delete from sign_in_attempt where login = %s and address = %s and failed"
END_TOTP: Final = "delete from account_totp where account_id = %s and secret is not null"
END_CODES: Final = "delete from account_recovery_code where account_id = %s"
KEEP_CODE: Final = "insert into account_recovery_code (account_id, code_hash) values (%s, %s)"
USE_CODE: Final = "delete from account_recovery_code where account_id = %s and code_hash = %s"
UNPROVEN: Final = "update console_session set is_proven = false where account_id = %s"
STATE: Final = """
select (select confirmed_at from account_totp t where t.account_id = a.account_id),
       (select count(*) from account_recovery_code c where c.account_id = a.account_id),
       array(select role from account_role join role_demand using (role)
             where account_role.account_id = a.account_id order by role)
from account a where login = %s
"""
DEMAND: Final = "insert into role_demand (role) values (%s) on conflict do nothing"
DEMAND_NO_MORE: Final = "delete from role_demand where role = %s"
DEMANDED: Final = "select role from role_demand order by role"
NOT_DEMANDED: Final = "{role} demands no second factor"
DEMANDED_ALREADY: Final = "{role} demands a second factor already"

WRONG: Final = Words("mã không đúng", "the code is wrong")
USED_BEFORE: Final = Words(
    "mã này đã được dùng; hãy đợi mã tiếp theo", "this code was used already; wait for the next one"
)
UNREADABLE: Final = Words(
    "máy chủ không đọc được khóa xác thực hai bước (QUANTRAC_ACCOUNT_KEY thiếu hoặc đã đổi); hãy dùng mã dự phòng, "
    "hoặc nhờ người quản trị đặt lại",
    "the server cannot read the secret of the second factor (QUANTRAC_ACCOUNT_KEY is missing or was changed); use a "
    "recovery code, or ask an administrator to reset it",
)
NO_KEY: Final = Words(
    "máy chủ chưa đặt QUANTRAC_ACCOUNT_KEY nên chưa dùng được xác thực hai bước",
    "QUANTRAC_ACCOUNT_KEY is not set at the server: nobody can use a second factor",
)
ON_ALREADY: Final = Words("xác thực hai bước đã bật; hãy tắt trước", "the second factor is on; turn it off first")
NOT_BEGUN: Final = Words("chưa có mã QR nào được tạo; hãy bắt đầu lại", "no QR code was made; begin again")
NOT_ON: Final = Words("xác thực hai bước chưa bật", "the second factor is not on")
OVER: Final = Words("phiên làm việc đã hết; hãy đăng nhập lại", "the session is over; sign in again")


class CodeRefused(SignInRefused):
    """The code neither proves nor enrols the second factor; `words` say why in both languages."""


class WrongMoment(CodeRefused):
    """What was asked does not fit what the account has; no code was looked at."""


class FactorRefused(TranslatableError):
    """What an administrator asked of second factors cannot be done."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class FactorState:
    """The state of an account's second factor."""

    since: datetime | None
    """None: none is on."""
    codes_left: int
    demanded_by: list[Role]
    """Its roles that demand one."""


@dataclass(frozen=True, slots=True)
class FactorRequest:
    """Who asks: a session, from an address, at a time."""

    session: str
    address: str
    limits: SessionLimits
    now: datetime


@dataclass(frozen=True, slots=True)
class _Holder:
    """The account of a session, locked for the transaction."""

    account_id: int
    login: str
    name: str
    secret: bytes | None
    pending: bytes | None


def begin(connect: Connect, by: FactorRequest, seal: Seal | None) -> tuple[str, str]:
    """Return a new secret and what its QR code says; it counts once `confirm` has heard a code. Raises CodeRefused."""
    if seal is None:
        raise WrongMoment(NO_KEY)
    secret = totp.new_secret()
    with connect() as conn, conn.transaction():
        who = _holder(conn, by)
        if not conn.execute(BEGIN, [who.account_id, seal.sealed(who.account_id, secret)]).rowcount:
            raise WrongMoment(ON_ALREADY)
    return secret, totp.enrolment_address(secret, who.login)


def confirm(connect: Connect, by: FactorRequest, code: str, seal: Seal | None) -> tuple[list[str], str]:
    """Turn the second factor on; return its recovery codes and the secret of a session that has proven it.

    The account's other sessions owe a code from now on. Raises CodeRefused.
    """
    with connect() as conn, conn.transaction():
        who = _holder(conn, by)
        if who.pending is None:
            raise WrongMoment(NOT_BEGUN)
        step = totp.step_of(_opened(seal, who.account_id, who.pending), totp.plain(code), by.now)
        if step is None:
            raise CodeRefused(WRONG)
        if not conn.execute(CONFIRM, [step, by.now, who.account_id, who.pending]).rowcount:
            raise WrongMoment(NOT_BEGUN)
        conn.execute(UNPROVEN, [who.account_id])
        codes = _new_codes(conn, who.account_id)
        with audit.coming(audit.Origin("console", who.login, None, by.address)):
            audit.record(conn, by.now, who.name, "turn on second factor", f"account {who.login}")
        return codes, _proven(conn, who, by)


def prove(connect: Connect, by: FactorRequest, code: str, seal: Seal | None) -> str:
    """Return the secret of a session that takes the place of one which owed a code.

    Raises CodeRefused for a code that is wrong or was used, TooManyAttempts: codes count as passwords do.
    """
    with _checked(connect, by, code, seal) as (conn, who, how):
        with audit.coming(audit.Origin("console", who.login, None, by.address)):
            audit.record(conn, by.now, who.name, "prove second factor", f"account {who.login}", detail={"by": how})
        return _proven(conn, who, by)


def renew_codes(connect: Connect, by: FactorRequest, code: str, seal: Seal | None) -> list[str]:
    """Return new recovery codes, for a code; the earlier ones end. Raises CodeRefused, TooManyAttempts."""
    with _checked(connect, by, code, seal) as (conn, who, _):
        with audit.coming(audit.Origin("console", who.login, None, by.address)):
            audit.record(conn, by.now, who.name, "renew recovery codes", f"account {who.login}")
        return _new_codes(conn, who.account_id)


def remove(connect: Connect, by: FactorRequest, code: str, seal: Seal | None) -> None:
    """Turn the second factor off, for a code; where a role demands one, every session owes a new one at once.

    Raises CodeRefused, TooManyAttempts.
    """
    with _checked(connect, by, code, seal) as (conn, who, _):
        _end(conn, who.account_id)
        conn.execute(UNPROVEN, [who.account_id])
        with audit.coming(audit.Origin("console", who.login, None, by.address)):
            audit.record(conn, by.now, who.name, "turn off second factor", f"account {who.login}")


def reset(conn: Connection, login: str, person: str, reason: str | None, now: datetime) -> None:
    """End the second factor of somebody who lost it: sessions end, the next sign-in asks for the password only.

    Raises FactorRefused where there is none, AccountRefused where there is no account.
    """
    found = account(conn, login)
    with conn.transaction():
        if not _end(conn, found.account_id):
            raise FactorRefused("{login} has no second factor", login=login)
        conn.execute(END_SESSIONS, [found.account_id])
        audit.record(conn, now, person, "reset second factor", f"account {login}", reason)


def demand(
    conn: Connection, role: Role, person: str, reason: str | None, now: datetime, *, is_ended: bool = False
) -> None:
    """Demand a second factor of everybody with a role, or end that; it counts from the next request on.

    Raises FactorRefused where it is so already.
    """
    with conn.transaction():
        if not conn.execute(DEMAND_NO_MORE if is_ended else DEMAND, [role]).rowcount:
            raise FactorRefused(NOT_DEMANDED if is_ended else DEMANDED_ALREADY, role=role)
        said = {"ended": is_ended}
        audit.record(conn, now, person, "demand second factor", f"role {role}", reason, said)


def demanded(conn: Connection) -> list[Role]:
    """Return the roles that demand a second factor."""
    return [Role(role) for (role,) in conn.execute(DEMANDED)]


def state(conn: Connection, login: str) -> FactorState:
    """Return the state of an account's second factor."""
    since, left, roles = conn.execute(STATE, [login]).fetchone() or (None, 0, [])
    return FactorState(since, left, [Role(role) for role in roles])


@contextmanager
def _checked(
    connect: Connect, by: FactorRequest, code: str, seal: Seal | None
) -> Iterator[tuple[Connection, _Holder, str]]:
    """Give a transaction in which a code was right, whose account it is, and what it was; a wrong code counts."""
    with connect() as conn:
        with conn.transaction():
            login = _holder(conn, by).login
        begin_attempt(conn, login, network_of(by.address), by.now)
    with connect() as conn, conn.transaction():
        who = _holder(conn, by)
        how = _use(conn, who, totp.plain(code), by.now, seal)
        conn.execute(FORGIVEN, [who.login, network_of(by.address)])
        yield conn, who, how


def _use(conn: Connection, who: _Holder, code: str, now: datetime, seal: Seal | None) -> str:
    """Use a code up; return what it was. Raises CodeRefused."""
    if who.secret is None:
        raise WrongMoment(NOT_ON)
    if not totp.CODE.fullmatch(code):
        if not conn.execute(USE_CODE, [who.account_id, hash_of(code)]).rowcount:
            raise CodeRefused(WRONG)
        return "recovery code"
    step = totp.step_of(_opened(seal, who.account_id, who.secret), code, now)
    if step is None:
        raise CodeRefused(WRONG)
    if not conn.execute(USED, {"step": step, "account": who.account_id}).rowcount:
        raise CodeRefused(USED_BEFORE)
    return "code"


def _opened(seal: Seal | None, account_id: int, sealed: bytes) -> str:
    if seal is None:
        raise CodeRefused(UNREADABLE)
    try:
        return seal.opened(account_id, sealed)
    except SealBroken:
        raise CodeRefused(UNREADABLE) from None


def _holder(conn: Connection, by: FactorRequest) -> _Holder:
    """Return whose session it is; until the transaction ends nobody else changes that account. Raises CodeRefused.

    The lock is a statement of its own: one that waits for it would read the other tables as they were before.
    """
    conn.execute(LOCK, [hash_of(by.session)])
    row = conn.execute(HOLDER, [hash_of(by.session), by.now - by.limits.absolute]).fetchone()
    if row is None:
        raise CodeRefused(OVER)
    return _Holder(*row)


def _proven(conn: Connection, who: _Holder, by: FactorRequest) -> str:
    (_, issuer) = conn.execute(END, [hash_of(by.session)]).fetchone() or (None, None)
    return open_session(
        conn, who.account_id, who.login, who.name, by.address, by.limits, by.now, is_proven=True, issuer=issuer
    )


def _new_codes(conn: Connection, account_id: int) -> list[str]:
    codes = totp.new_recovery_codes()
    conn.execute(END_CODES, [account_id])
    for code in codes:
        conn.execute(KEEP_CODE, [account_id, hash_of(totp.plain(code))])
    return codes


def _end(conn: Connection, account_id: int) -> int:
    conn.execute(END_CODES, [account_id])
    return conn.execute(END_TOTP, [account_id]).rowcount
