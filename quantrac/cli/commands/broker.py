"""`quantrac broker …`: writes what a real installation's broker needs: Mosquitto's files, or RabbitMQ's definitions."""

from __future__ import annotations

import secrets
import shlex
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from quantrac.cli.arguments import group
from quantrac.cli.environment import configured_network
from quantrac.telemetry.errors import QuantracError

app = group()

BROKER = "mosquitto"
"""The account of Debian's broker."""
SALT_BYTES = 12
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class OpenListener(QuantracError):
    """A listener beyond this machine was asked for without encryption."""

    exit_code = 2


@app.command(short_help="Write Mosquitto's configuration and access list.")
def config(
    out: Annotated[Path, typer.Option(help="Folder to write quantrac.conf and quantrac.acl into.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 1883,
    certificate: Annotated[Path | None, typer.Option(help="Server certificate (PEM); turns TLS on.")] = None,
    key: Annotated[Path | None, typer.Option(help="Key of the certificate (PEM).")] = None,
    without_tls: Annotated[
        bool, typer.Option("--without-tls", help="Allow a listener beyond this machine without TLS (a VPN).")
    ] = False,
    persistence: Annotated[Path, typer.Option(help="Where the broker keeps its sessions.")] = Path(
        "/var/lib/mosquitto"
    ),
    passwords: Annotated[Path | None, typer.Option(help="Password file. Default: `passwords` in the folder.")] = None,
    make_passwords: Annotated[
        Path | None,
        typer.Option(help="File of lines `user:password`; who has none gets one. The password file is made of it."),
    ] = None,
) -> None:
    """Write Mosquitto's configuration and access list for the configured stations.

    Who has no password yet gets one with --make-passwords, else is listed with the command that sets one. As root, the
    files are given to the account `mosquitto`, which alone may read access list and passwords.
    """
    from quantrac.private_services import broker_config

    if (certificate is None) != (key is None):
        raise OpenListener("found only one of --certificate and --key: TLS needs both")
    if host not in LOOPBACK and certificate is None and not without_tls:
        raise OpenListener(
            f"{host} can be reached from elsewhere: give --certificate and --key, or --without-tls inside a VPN"
        )
    stations = sorted(configured_network().stations)
    plan = broker_config.BrokerPlan(
        host=host,
        port=port,
        persistence=persistence.absolute(),
        passwords=(passwords or out / "passwords").absolute(),
        acl=(out / "quantrac.acl").absolute(),
        certificate=certificate.absolute() if certificate else None,
        key=key.absolute() if key else None,
    )
    is_new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    configuration = out / "quantrac.conf"
    configuration.write_text(broker_config.render_config(plan), encoding="utf-8")
    configuration.chmod(0o644)
    _write_private(plan.acl, broker_config.render_acl(stations))
    if make_passwords is not None:
        made = _hash_passwords(make_passwords, plan.passwords, broker_config.users(stations))
        typer.echo(f"{make_passwords}: passwords in clear, {made} of them new; it is for root alone")
    for line in _give_to_broker([*([out] if is_new else []), configuration, plan.acl, plan.passwords]):
        typer.echo(line)
    typer.echo(f"{out / 'quantrac.conf'}: listener {host}:{port}, {'TLS' if certificate else 'no TLS'}")
    typer.echo(f"{plan.acl}: {len(stations)} stations, {', '.join(broker_config.CENTRE_USERS)}")
    for line in still_to_do(broker_config.users(stations), plan.passwords):
        typer.echo(line)


@app.command(short_help="Write RabbitMQ's users, rights and policy.")
def rabbitmq(
    out: Annotated[Path, typer.Option(help="Folder to write definitions.json into.")],
    passwords: Annotated[
        Path | None, typer.Option(help="File of lines `user:password`. Default: `passwords.txt` in the folder.")
    ] = None,
) -> None:
    """Write RabbitMQ's definitions for the configured stations: users, rights on queues and topics, and the policy.

    Who has no password in the file yet gets one there. Then, on any node: rabbitmqctl import_definitions FILE
    """
    from quantrac.private_services.broker_config import users
    from quantrac.private_services.rabbitmq_definitions import render_definitions

    stations = sorted(configured_network().stations)
    out.mkdir(parents=True, exist_ok=True)
    file = passwords or out / "passwords.txt"
    known = _known_passwords(file)
    made = {user: secrets.token_urlsafe(18) for user in users(stations) if user not in known}
    _write_private(file, "".join(f"{user}:{word}\n" for user, word in (known | made).items()))
    definitions = render_definitions(stations, known | made, lambda _: secrets.token_bytes(4))
    _write_private(out / "definitions.json", definitions)
    typer.echo(f"{out / 'definitions.json'}: {len(users(stations))} users, {len(made)} of them new")
    typer.echo(f"{file}: their passwords; it is for root alone")


def _hash_passwords(clear: Path, hashed: Path, users: Iterable[str]) -> int:
    """Make a password for who has none in either file, and hash all that are in clear; returns how many are new."""
    from quantrac.private_services.broker_config import password_line

    known, others = _known_passwords(clear), _known_passwords(hashed)
    made = {user: secrets.token_urlsafe(18) for user in users if user not in known and user not in others}
    known |= made
    _write_private(clear, "".join(f"{user}:{word}\n" for user, word in known.items()))
    lines = [f"{user}:{word}" for user, word in others.items() if user not in known]
    lines += [password_line(user, word, secrets.token_bytes(SALT_BYTES)) for user, word in known.items()]
    _write_private(hashed, "".join(f"{line}\n" for line in lines))
    return len(made)


def _give_to_broker(places: Iterable[Path]) -> Iterator[str]:
    """Make the places the broker's own; yield what is left to do where only root, or nobody, can."""
    there = [place for place in places if place.exists()]
    try:
        for place in there:
            shutil.chown(place, BROKER, BROKER)
    except (PermissionError, LookupError):
        yield f"then, as root: chown {BROKER}: {' '.join(shlex.quote(str(place)) for place in there)}"


def _known_passwords(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {user: word for user, _, word in (line.partition(":") for line in lines)}


def _write_private(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.chmod(0o600)  # also where it was there before
    file.write_text(text, encoding="utf-8")


def without_password(users: Iterable[str], passwords: Path) -> list[str]:
    """Return the users that the password file does not know, in their order."""
    lines = passwords.read_text(encoding="utf-8").splitlines() if passwords.exists() else []
    known = {line.partition(":")[0] for line in lines}
    return [user for user in users if user not in known]


def still_to_do(users: Iterable[str], passwords: Path) -> Iterator[str]:
    """Yield the commands that give a password to each user without one, and the file to the broker's account.

    Only the first one may make the file: `mosquitto_passwd -c` empties one that is there.
    """
    file, create = shlex.quote(str(passwords)), "" if passwords.exists() else "-c "
    waiting = without_password(users, passwords)
    for user in waiting:
        yield f"no password yet: mosquitto_passwd {create}{file} {user}"
        create = ""
    if waiting:
        yield f"then: chown mosquitto: {file}   (mosquitto_passwd leaves it to root alone)"
