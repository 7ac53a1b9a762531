"""Accounts and sessions: one-time invitations, limits of sessions, guessing that is stopped, all of it audited."""

from __future__ import annotations

import csv
import json
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.desks import accounts, passwords, sessions
from quantrac.desks.accounts import AccountRefused
from quantrac.desks.audit_rows import AuditQuery, as_csv, audit_rows, exported
from quantrac.desks.roles import Role, RoleGrant
from quantrac.desks.sessions import (
    MOST_OF_ADDRESS,
    MOST_OF_BOTH,
    MOST_OF_LOGIN,
    SessionLimits,
    SignInRefused,
    TooManyAttempts,
)
from tests.fixtures.stations import add_station

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
LIMITS = SessionLimits(idle=timedelta(hours=1), absolute=timedelta(hours=12))
HERE = "192.0.2.7"
PASSWORD = "mười hai con tôm"
OTHER = "một mật khẩu khác"


@pytest.fixture
def desk(conn: Connection) -> Iterator[Connection]:
    """The connection with the rights of the console, and an account whose person chose a password."""
    conn.execute("set role quantrac_console")
    accounts.add(conn, "an.tran", "Trần Văn An", [RoleGrant(Role.OPERATOR)], "admin", NOW)
    secret = accounts.invite(conn, "an.tran", "admin", NOW)
    sessions.choose_password(lambda: nullcontext(conn), secret, PASSWORD, HERE, LIMITS, NOW)
    yield conn
    conn.execute("reset role")


@contextmanager
def refused(words: str) -> Iterator[None]:
    with pytest.raises((SignInRefused, AccountRefused, passwords.PasswordRefused), match=words):
        yield


def come(conn: Connection, password: str = PASSWORD, login: str = "an.tran", address: str = HERE) -> str:
    return sessions.sign_in(lambda: nullcontext(conn), login, password, address, LIMITS, NOW)


def choose(conn: Connection, secret: str, password: str, now: datetime = NOW) -> str:
    return sessions.choose_password(lambda: nullcontext(conn), secret, password, HERE, LIMITS, now)


def test_an_invitation_lets_in_once_with_a_password_worth_the_name_and_ends_other_sessions(desk: Connection) -> None:
    earlier = come(desk)
    first = accounts.invite(desk, "an.tran", "admin", NOW)
    secret = accounts.invite(desk, "an.tran", "admin", NOW)
    with refused("has run out or was used"):
        choose(desk, first, PASSWORD)
    for bad, why in (
        ("short", "10 to 200"),
        ("x" * 201, "10 to 200"),
        ("an.tran-2026", "guess"),
        ("aaaaaaaaaaaa", "guess"),
    ):
        with refused(why):
            choose(desk, secret, bad)
    with refused("has run out"):
        choose(desk, secret, PASSWORD, NOW + accounts.INVITATION_LASTS)
    assert sessions.purpose_of(desk, secret, NOW) == "password"
    session = choose(desk, secret, OTHER)
    assert sessions.purpose_of(desk, secret, NOW) is None
    with refused("was used"):
        choose(desk, secret, PASSWORD)
    assert sessions.signed_in(desk, earlier, LIMITS, NOW) is None
    found = sessions.signed_in(desk, session, LIMITS, NOW)
    assert found is not None
    assert (found.login, found.name, found.grants) == ("an.tran", "Trần Văn An", (RoleGrant(Role.OPERATOR),))
    with refused("wrong"):
        come(desk)


def test_the_database_keeps_no_secret_and_the_same_word_typed_otherwise_is_the_same_password(desk: Connection) -> None:
    secret, session = accounts.invite(desk, "an.tran", "admin", NOW), come(desk, unicodedata.normalize("NFD", PASSWORD))
    kept = desk.execute("select password_hash from account").fetchone()
    assert kept is not None
    assert kept[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    everything = " ".join(
        str(row)
        for table in ("account", "account_link", "console_session", "sign_in_attempt", "audit")
        for row in desk.execute(f"select t::text from {table} t")
    )
    assert not any(word in everything for word in (secret, session, PASSWORD))


def test_a_session_ends_idle_after_its_life_at_sign_out_and_when_the_account_is_disabled(desk: Connection) -> None:
    def lives(secret: str, after: timedelta) -> bool:
        return sessions.signed_in(desk, secret, LIMITS, NOW + after) is not None

    minute = timedelta(minutes=1)
    idle, busy, out, disabled = (come(desk) for _ in range(4))
    assert len({idle, busy, out, disabled}) == 4
    assert [lives(busy, 50 * minute * n) for n in range(1, 16)] == [50 * n < 720 for n in range(1, 16)]
    assert lives(idle, 59 * minute)
    assert not lives(idle, 59 * minute + 60 * minute)
    sessions.sign_out(desk, out, HERE, NOW)
    assert not lives(out, minute)
    accounts.disable(desk, "an.tran", "admin", "đã nghỉ việc", NOW)
    assert not lives(disabled, minute)
    with refused("wrong"):
        come(desk)
    with refused("is disabled since"):
        accounts.invite(desk, "an.tran", "admin", NOW)
    accounts.enable(desk, "an.tran", "admin", None, NOW)
    assert lives(come(desk), minute)


def test_whoever_guesses_locks_out_himself_and_nobody_else(desk: Connection) -> None:
    stranger = "2001:db8:1:2::1"
    for n in range(MOST_OF_BOTH):
        with pytest.raises(SignInRefused, match="login or password is wrong"):
            come(desk, f"guess number {n}", address=f"2001:db8:1:2::{n}")
    with pytest.raises(TooManyAttempts):
        come(desk, address=stranger)
    assert come(desk)
    for n in range(MOST_OF_ADDRESS - MOST_OF_BOTH):
        with pytest.raises(SignInRefused, match="login or password is wrong"):
            come(desk, login=f"nobody.{n}", address=stranger)
    with pytest.raises(TooManyAttempts):
        come(desk, login="somebody.else", address=stranger)
    later = NOW + sessions.ATTEMPTS_COUNT_FOR
    assert sessions.sign_in(lambda: nullcontext(desk), " AN.Tran", PASSWORD, stranger, LIMITS, later)
    found = desk.execute("select address, failed, at from sign_in_attempt order by at").fetchall()
    assert found == [(HERE, False, NOW), ("2001:db8:1:2::/64", False, later)], "where the person came in from"


def test_guessing_from_many_networks_locks_nobody_out_of_his_own(desk: Connection) -> None:
    desk.execute(
        "insert into sign_in_attempt (at, login, address, failed) select %s, 'an.tran', '198.51.100.' || n, true"
        " from generate_series(1, %s) n", [NOW, MOST_OF_LOGIN],
    )  # fmt: skip
    with pytest.raises(TooManyAttempts):
        come(desk, address="203.0.113.5")
    assert come(desk)
    desk.execute("update sign_in_attempt set at = %s where not failed", [NOW - sessions.NETWORK_KNOWN_FOR])
    with pytest.raises(TooManyAttempts):
        come(desk)


@pytest.mark.parametrize("change", ["disable", "reset"])
def test_a_password_that_ends_while_it_is_verified_lets_nobody_in(
    desk: Connection, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    verifies, lent = passwords.verifies, []

    @contextmanager
    def connect() -> Iterator[Connection]:
        lent.append(desk)
        yield desk
        lent.pop()

    def verifies_slowly(password: str, known: str | None) -> bool:
        assert not lent, "nobody keeps a connection while a password is hashed"
        is_right = verifies(password, known)
        if change == "disable":
            accounts.disable(desk, "an.tran", "admin", "đã nghỉ việc", NOW)
        else:
            choose(desk, accounts.invite(desk, "an.tran", "admin", NOW), OTHER)
        return is_right

    monkeypatch.setattr(passwords, "is_outdated", lambda _: True)
    monkeypatch.setattr(passwords, "verifies", verifies_slowly)
    before = desk.execute("select count(*) from console_session").fetchone()
    with refused("wrong"):
        sessions.sign_in(connect, "an.tran", PASSWORD, HERE, LIMITS, NOW)
    monkeypatch.setattr(passwords, "verifies", verifies)
    assert before == (1,)
    assert desk.execute("select count(*) from console_session").fetchone() == (0 if change == "disable" else 1,)
    if change == "reset":
        assert come(desk, OTHER), "the old hash is not written back"


def test_a_link_that_is_used_or_ends_while_its_password_is_hashed_lets_nobody_in(
    desk: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = passwords.hashed
    secret = accounts.invite(desk, "an.tran", "admin", NOW)

    def hashed_slowly(password: str) -> str:
        monkeypatch.setattr(passwords, "hashed", hashed)
        accounts.invite(desk, "an.tran", "admin", NOW)
        return hashed(password)

    monkeypatch.setattr(passwords, "hashed", hashed_slowly)
    with refused("was used"):
        choose(desk, secret, OTHER)
    assert come(desk)


def test_who_does_not_get_a_turn_has_not_guessed(desk: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = accounts.invite(desk, "an.tran", "admin", NOW)
    with monkeypatch.context() as busy:
        busy.setattr(passwords, "_PLACES", threading.Semaphore(0))
        busy.setattr(passwords, "_WAIT_S", 0.001)
        for _ in range(MOST_OF_BOTH + 1):
            with pytest.raises(passwords.HashersBusy):
                come(desk)
        with pytest.raises(passwords.HashersBusy):
            choose(desk, secret, OTHER)
    assert come(desk)
    assert choose(desk, secret, OTHER)


def detail_of_last(conn: Connection) -> dict[str, object] | None:
    (row,) = audit_rows(conn, AuditQuery(), limit=1)
    return row.detail


def test_roles_are_given_and_taken_at_known_stations_only(desk: Connection) -> None:
    with refused("found the station st-x, expected some of"):
        accounts.change_role(desk, "an.tran", RoleGrant(Role.TECHNICIAN, frozenset({"st-x"})), "admin", None, NOW)
    given = accounts.change_role(desk, "an.tran", RoleGrant(Role.TECHNICIAN), "admin", None, NOW)
    assert {grant.role for grant in given.grants} == {Role.OPERATOR, Role.TECHNICIAN}
    taken = accounts.change_role(desk, "an.tran", RoleGrant(Role.OPERATOR), "admin", "chuyển việc", NOW, take=True)
    assert taken.grants == (RoleGrant(Role.TECHNICIAN),)
    assert detail_of_last(desk) == {"role": "operator", "taken": True}
    desk.execute("reset role")
    add_station(desk, "st-a")
    add_station(desk, "st-b")
    desk.execute("set role quantrac_console")
    here = RoleGrant(Role.VIEWER, frozenset({"st-a", "st-b"}))
    accounts.change_role(desk, "an.tran", here, "admin", None, NOW)
    for one in ("st-a", "st-x"):
        with refused("takes the role at all stations: leave --stations out"):
            part = RoleGrant(Role.VIEWER, frozenset({one}))
            accounts.change_role(desk, "an.tran", part, "admin", None, NOW, take=True)
    accounts.change_role(desk, "an.tran", RoleGrant(Role.VIEWER), "admin", None, NOW, take=True)
    assert detail_of_last(desk) == {"role": "viewer at st-a, st-b", "taken": True}, "what was really held"
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    (_, line, *_) = as_csv(audit_rows(desk, AuditQuery(act="change role"), limit=1), zone)
    assert json.dumps({"role": "viewer at st-a, st-b", "taken": True}) in next(csv.reader([line]))
    with pytest.MonkeyPatch.context() as few:
        few.setattr("quantrac.desks.audit_rows.AT_ONCE", 2)
        parts = [*exported(lambda: nullcontext(desk), AuditQuery(), zone)]
    every = [*as_csv(audit_rows(desk, AuditQuery(), limit=100), zone)]
    assert ("".join(parts), len(parts)) == ("".join(every), (len(every) + 1) // 2), (
        "in parts, none twice, none left out"
    )
    with refused("is no operator"):
        accounts.change_role(desk, "an.tran", RoleGrant(Role.OPERATOR), "admin", None, NOW, take=True)
    for login, name, grants, why in (
        ("An Tran", "An", [RoleGrant(Role.VIEWER)], "expected 2 to 80"),
        ("an.tran", "An", [RoleGrant(Role.VIEWER)], "already"),
        ("binh", " ", [RoleGrant(Role.VIEWER)], "full name"),
        ("binh", "Bình", [], "found no role"),
    ):
        with refused(why):
            accounts.add(desk, login, name, grants, "admin", NOW)


def test_every_act_is_in_the_audit_with_its_way_and_no_row_of_it_ever_changes(desk: Connection) -> None:
    session = come(desk)
    sessions.sign_out(desk, session, HERE, NOW)
    with audit.coming(audit.Origin("console", "chi.le", "administrator", "192.0.2.8")):
        accounts.disable(desk, "an.tran", "Lê Thị Chi", "đã nghỉ việc", NOW)
    found = desk.execute(
        "select person, account, role, way, act, object, reason, address from v_audit order by audit_id"
    )
    rows = found.fetchall()
    assert [row[4] for row in rows] == ["add", "invite", "choose password", "sign in", "sign in", "sign out", "disable"]
    assert rows[0][:6] == ("admin", None, None, "service", "add", "account an.tran")
    assert rows[3] == ("Trần Văn An", "an.tran", None, "console", "sign in", "account an.tran", None, HERE)
    assert rows[6] == (
        "Lê Thị Chi", "chi.le", "administrator", "console", "disable", "account an.tran", "đã nghỉ việc", "192.0.2.8",
    )  # fmt: skip
    desk.execute("reset role")
    for change in ("update audit set person = 'x'", "delete from audit", "truncate audit"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="rows of audit are never changed"):
            desk.execute(change)
    desk.execute("set role quantrac_reader")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        desk.execute("select from v_audit")
