"""`quantrac users …`: accounts of the console, their roles and invitations. There is no default password."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quantrac.cli.arguments import Person, answer, group
from quantrac.cli.environment import database
from quantrac.config.settings import MissingSetting, Settings
from quantrac.desks.roles import Role, RoleGrant

if TYPE_CHECKING:
    from quantrac.desks.accounts import AccountRow

app = group("""Who may sign in to the console, and with which roles. There is no default password.

The first administrator: quantrac users add an.tran "Trần Văn An" --role administrator
""")

Login = Annotated[str, typer.Argument(help="Such as an.tran.")]
Reason = Annotated[str | None, typer.Option(help="Why; stands in the audit.")]
Stations = Annotated[str | None, typer.Option(help="Only at these stations, with commas between them; else at all.")]


@app.command(short_help="Make an account and print its invitation.")
def add(
    login: Login,
    name: Annotated[str, typer.Argument(help="The person's full name, which stands at everything they do.")],
    role: Annotated[Role, typer.Option(help="What the person does; more roles: `users role`.")],
    person: Person,
    stations: Stations = None,
) -> None:
    """Make an account and print a link by which its person chooses a password, once, within three days."""
    from quantrac.desks import accounts

    now = datetime.now(UTC)
    with database("console", "users") as conn, conn.transaction():
        accounts.add(conn, login, name, [_grant(role, stations)], person, now)
        secret = accounts.invite(conn, login, person, now)
    print(_address(secret))


@app.command(short_help="Print a new invitation, also for a forgotten password.")
def invite(login: Login, person: Person) -> None:
    """Print a link by which the person chooses a password, once, within three days; earlier links end."""
    from quantrac.desks import accounts

    with database("console", "users") as conn:
        print(_address(accounts.invite(conn, login, person, datetime.now(UTC))))


@app.command(short_help="Give an account a role, or take it.")
def role(
    login: Login,
    role: Annotated[Role, typer.Argument(help="The role.")],
    person: Person,
    stations: Stations = None,
    take: Annotated[bool, typer.Option("--take", help="Take the role instead, at all stations.")] = False,
    reason: Reason = None,
) -> None:
    """Give an account a role, at all stations or some, or take it; it counts from the next request on."""
    from quantrac.desks import accounts

    with database("console", "users") as conn:
        grant = _grant(role, stations)
        print(_line(accounts.change_role(conn, login, grant, person, reason, datetime.now(UTC), take=take)))


@app.command(short_help="Let an account in no more, at once.")
def disable(
    login: Login,
    person: Person,
    reason: Reason = None,
    undo: Annotated[bool, typer.Option("--undo", help="Let it in again.")] = False,
) -> None:
    """Let an account in no more: its sessions and links end at once, the news of an open page within a minute.

    What its person did stays on record.
    """
    from quantrac.desks import accounts

    with database("console", "users") as conn:
        (accounts.enable if undo else accounts.disable)(conn, login, person, reason, datetime.now(UTC))
    print(f"{login}: {'enabled' if undo else 'disabled'}")


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="For programs; times in UTC.")] = False) -> None:
    """List the accounts with their roles."""
    from quantrac.desks import accounts

    with database("console", "users") as conn:
        rows = accounts.accounts(conn)
    answer([_plain(row) for row in rows], map(_line, rows), as_json=as_json)


@app.command(short_help="Let a person of the provider in as an account.")
def link(
    login: Login,
    person: Person,
    subject: Annotated[str | None, typer.Option(help="What the provider calls the person for ever (sub).")] = None,
    email: Annotated[str | None, typer.Option(help="The e-mail address that the provider has verified.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Let nobody of a provider in as this account any more.")] = False,
    reason: Reason = None,
) -> None:
    """Let the person with a subject or verified e-mail address at QUANTRAC_OIDC_ISSUER in as an account.

    An e-mail address counts for the first sign-in, which replaces it by the subject.
    """
    from quantrac.desks import identities

    if undo != (subject is None and email is None) or (subject and email):
        raise typer.BadParameter("expected one of --subject and --email, or --undo", param_hint="--subject")
    issuer = Settings().oidc_issuer
    if issuer is None and not undo:
        raise MissingSetting("QUANTRAC_OIDC_ISSUER is not set: https://… of the provider")
    with database("console", "users") as conn:
        if undo:
            identities.unlink(conn, login, person, reason, datetime.now(UTC))
        elif issuer is not None:
            kind: Literal["subject", "email"] = "subject" if subject else "email"
            identities.link(conn, login, issuer, kind, subject or email or "", person, datetime.now(UTC))
    print(f"{login}: {'unlinked' if undo else 'linked'}")


totp = group("Second factors: demand them, reset one that was lost.")
app.add_typer(totp, name="totp")


@totp.command(short_help="End the second factor of somebody who lost it.")
def reset(login: Login, person: Person, reason: Reason = None) -> None:
    """End somebody's second factor and recovery codes, for a lost telephone: sessions end at once.

    The next sign-in asks for the password alone; where a role demands a second factor, it leads to enrolling a new one.
    """
    from quantrac.desks import second_factor

    with database("console", "users") as conn:
        second_factor.reset(conn, login, person, reason, datetime.now(UTC))
    print(f"{login}: no second factor")


@totp.command(short_help="Demand a second factor of a role's people, or end that.")
def demand(
    role: Annotated[Role, typer.Argument(help="The role.")],
    person: Person,
    reason: Reason = None,
    undo: Annotated[bool, typer.Option("--undo", help="Demand it no more.")] = False,
) -> None:
    """Demand a second factor of everybody with a role: who has none may do nothing but enrol one, from now on.

    Needs QUANTRAC_ACCOUNT_KEY, without which nobody could enrol.
    """
    from quantrac.desks import second_factor

    if not undo and Settings().account_key is None:
        raise MissingSetting("QUANTRAC_ACCOUNT_KEY is not set: nobody could enrol; make one: openssl rand -base64 32")
    with database("console", "users") as conn:
        second_factor.demand(conn, role, person, reason, datetime.now(UTC), is_ended=undo)
    print(f"{role}: {'no ' if undo else ''}second factor demanded")


def _grant(role: Role, stations: str | None) -> RoleGrant:
    if stations is None:
        return RoleGrant(role)
    names = frozenset(name.strip() for name in stations.split(",") if name.strip())
    if not names:
        raise typer.BadParameter("found no station, expected names such as st-a,st-b", param_hint="--stations")
    return RoleGrant(role, names)


def _address(secret: str) -> str:
    """Return where the secret of a link leads: to the console as people reach it."""
    settings = Settings()
    place = settings.public_url or f"http://{settings.console_listen}"
    return f"{place.rstrip('/')}/enter/{secret}"


def _line(row: AccountRow) -> str:
    disabled = "" if row.disabled_at is None else f"  disabled since {row.disabled_at:%Y-%m-%d}"
    invited = "" if row.has_password or row.is_linked else "  no password yet"
    more = ("  second factor" if row.has_second_factor else "") + ("  linked" if row.is_linked else "")
    return f"{row.login:<20} {row.name:<28} {', '.join(map(str, row.grants)) or 'no role'}{more}{invited}{disabled}"


def _plain(row: AccountRow) -> dict[str, object]:
    roles = {grant.role: None if grant.stations is None else sorted(grant.stations) for grant in row.grants}
    return {
        "login": row.login,
        "name": row.name,
        "roles": roles,
        "has_password": row.has_password,
        "has_second_factor": row.has_second_factor,
        "is_linked": row.is_linked,
        "disabled_at": row.disabled_at,
    }
