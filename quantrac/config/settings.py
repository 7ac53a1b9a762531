"""Settings of the processes: the environment variables `QUANTRAC_…`, read here and nowhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from quantrac.telemetry.errors import QuantracError

PREFIX: Final = "QUANTRAC_"
ENCODE: Final = "in a password write @ as %40, / as %2F, ? as %3F, # as %23, % as %25"
_SECRET: Final = ("_KEY", "_SECRET", "_TOKEN")
_HOST: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:\d*)?")


class MissingSetting(QuantracError):
    """A command needs a setting that the environment does not give."""

    exit_code = 2


class BadSetting(QuantracError):
    """A variable of the environment holds what is not allowed."""

    exit_code = 2


def _host_and_port(value: str) -> str:
    host, separator, port = value.rpartition(":")
    if not (separator and host and port.isdecimal() and int(port) <= 65535):
        raise ValueError("expected host:port, such as 127.0.0.1:9101")
    return value


def _database_url(value: str) -> str:
    """Refuse what libpq would split elsewhere: it then shows a piece of the password as the name of a host."""
    scheme, _, rest = value.partition("://")
    who, _, place = rest.rpartition("@") if "/" not in rest.partition("@")[0] else ("", "", rest)
    hosts, _, _ = place.partition("?")[0].partition("/")
    if (
        scheme not in ("postgresql", "postgres")
        or "@" in who + place
        or "\ufffd" in unquote(value)
        or not all(_HOST.fullmatch(host) for host in hosts.split(","))
    ):
        raise ValueError(f"expected postgresql://user@host:port/database; {ENCODE}")
    return value


def is_unheard(address: str) -> bool:
    """Tell whether nobody on the way hears what is sent to an address: HTTPS, or on this machine. Pure."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    is_here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    return is_here or (parts.scheme == "https" and bool(parts.hostname))


def _oidc_issuer(value: str) -> str:
    if not is_unheard(value) or re.search(r"[?#@]", value):
        raise ValueError("expected https://host/… as its discovery document has it (http on this machine only)")
    return value


def _near_misses(names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Say which variables look like a setting that was spelt wrong; others may belong to other programs."""
    settings = {name.upper() for name in known}
    for name in names:
        word = name.removeprefix(PREFIX)
        if name.startswith(PREFIX) and word not in settings:
            for meant in get_close_matches(word, settings, n=1, cutoff=0.85):
                yield f"{name}: found a variable that is no setting, did you mean {PREFIX}{meant}?"


def _complaint(error: ErrorDetails) -> str:
    name = "_".join(str(step) for step in error["loc"][:1]).upper()
    expected = error.get("ctx", {}).get("expected")
    reason = f"allowed {expected}" if expected else error["msg"].removeprefix("Value error, ")
    if name.endswith(_SECRET):
        found = f"{len(str(error['input']))} characters"
    else:
        found = _without_password(str(error["input"])) if name.endswith("_URL") else repr(error["input"])
    return f"QUANTRAC_{name}: found {found}, {reason}"


def _without_password(address: str) -> str:
    """Return how an address begins: what follows its scheme may be a password."""
    scheme, separator, _ = address.partition("://")
    return f"{scheme}://…" if separator else "no address"


Listen = Annotated[str, AfterValidator(_host_and_port)]
OidcIssuer = Annotated[str, AfterValidator(_oidc_issuer)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]


class Settings(BaseSettings):
    """Every setting; a field `smtp_url` is the variable `QUANTRAC_SMTP_URL`. What is None is not configured."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    def __init__(self, **values: Any) -> None:
        """Read the environment; raises BadSetting with every variable that is wrong."""
        complaints: list[str] = []
        try:
            complaints += _near_misses({**dotenv_values(".env"), **os.environ}, type(self).model_fields)
            super().__init__(**values)
        except ValidationError as refusal:
            complaints += map(_complaint, refusal.errors(include_url=False))
        except UnicodeDecodeError as error:
            raise BadSetting(f"{Path('.env').absolute()}: found bytes that are not UTF-8 ({error.reason})") from None
        if complaints:
            raise BadSetting("\n".join(complaints))

    database_url: DatabaseUrl | None = Field(default=None, repr=False)
    """`postgresql://user@host:port[,host:port…]/database`."""
    ingest_database_url: DatabaseUrl | None = Field(default=None, repr=False)
    quality_database_url: DatabaseUrl | None = Field(default=None, repr=False)
    alerts_database_url: DatabaseUrl | None = Field(default=None, repr=False)
    jobs_database_url: DatabaseUrl | None = Field(default=None, repr=False)
    console_database_url: DatabaseUrl | None = Field(default=None, repr=False)
    api_database_url: DatabaseUrl | None = Field(default=None, repr=False)
    """Where the console's read API reads, such as a replica; None: where the console does."""
    public_database_url: DatabaseUrl | None = Field(default=None, repr=False)
    """Of what the public pages read, such as a replica; None: as the console."""
    mqtt_url: str | None = Field(default=None, repr=False)
    """`mqtt://[user:password@]host:port[,host:port…]` or `mqtts://…`."""

    config: Path = Path("station_configs")
    overlay: str | None = None
    """Name of a folder inside `config` merged over it."""
    state_dir: Path = Path("state")
    """Spools and other things a process keeps on disk."""
    wiring: Path | None = None
    backup_dir: Path | None = None
    """Where `jobs run` writes a backup each night; None: nowhere."""
    backups_kept: int = Field(default=14, ge=1)

    log: Literal["json", "text"] | None = None
    """None: text on a terminal, JSON off it."""

    ingest_listen: Listen | None = None
    quality_listen: Listen | None = None
    alerts_listen: Listen | None = None
    jobs_listen: Listen | None = None
    edge_listen: Listen | None = None
    console_listen: Listen = "127.0.0.1:8080"
    console_hosts: str = ""
    """Names under which people reach the console, with commas between them; IP addresses need none."""
    public_rate: float = Field(default=600, ge=1)
    """How many public pages one address may ask for in a minute."""
    console_anonymous: Literal["viewer"] | None = None
    """`viewer`: the pages may be read without signing in; None: they may not. Acts never."""
    config_editable: bool = False
    """People may change the files of `config` in the console; its user must be allowed to write them."""
    console_idle_minutes: float = Field(default=60, gt=0)
    """A session ends so long after its last request; an open page makes some."""
    console_session_hours: float = Field(default=12, gt=0)
    """A session ends so long after it was opened."""

    console_passwords: bool = True
    """False: people come in by the provider and by one-time links, not by passwords."""
    oidc_issuer: OidcIssuer | None = None
    """Address of an OpenID Connect provider, which knows the people of a department; None: there is none."""
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    """None: the provider knows the console as a public client."""
    oidc_name: str = "OpenID Connect"
    """What people call the provider."""
    oidc_groups_claim: str = "groups"
    oidc_roles: str = ""
    """`group=role` with commas between them: who is in a group gets an account with that role; empty: nobody does."""
    account_key: SecretStr | None = Field(default=None, min_length=32)
    """Seals the secrets of second factors; None: nobody can have one."""

    command_mqtt_url: str | None = Field(default=None, repr=False)
    """The broker for commands from the centre, with a user who may give them (`console`); else `mqtt_url`."""
    command_keys: Path | None = None
    """File of lines `<station> <key>`: of every station at the centre, of the station itself beside the instruments."""

    receiver_logins: Path | None = None
    """File of lines `<receiver> <user> password <password>` or `<receiver> <user> key <file>`: of those who get the
    ministry's files."""

    camera_login: SecretStr | None = None
    """`user:password` of a station's cameras, for their HTTP snapshots."""

    smtp_url: SecretStr | None = None
    """`smtp://user:password@host:port` or `smtps://…`."""
    smtp_from: str = "quantrac@localhost"

    sms_provider: str | None = None
    """Carriers of short messages in their order, of `zns esms speedsms modem`, such as `esms,modem`."""
    sms_url: str | None = None
    sms_key: SecretStr | None = None
    sms_secret: SecretStr | None = None
    sms_brandname: str = "QUANTRAC"
    sms_modem: Path | None = None
    """Serial port of the GSM modem, a name under /dev/serial/by-id."""
    smtp_reply_to: str | None = None
    public_url: str | None = None
    """Where people reach the console from outside, such as https://quantrac.example.vn: links in mails lead there."""
    link_secret: SecretStr | None = None
    """Signs the links in mails with which an alarm is acknowledged."""
    zns_tokens: Path | None = None
    """File with `app_id`, `secret_key`, `refresh_token` of the Official Account; rewritten with each new pair."""
    zns_url: str | None = None
    webhook_secret: SecretStr | None = None
    speedsms_url: str | None = None
    speedsms_token: SecretStr | None = None
    speedsms_sender: str = ""
    """Brandname at SpeedSMS; empty: a number of theirs."""
    grafana_url: str | None = None
    """Where `dashboards push` finds Grafana and the console's pages lead to it, such as https://grafana.example.vn."""
    grafana_token: SecretStr | None = None

    def database(self, service: str) -> str:
        """Return the database address of a service: its own, else the common one; raises MissingSetting."""
        own = getattr(self, f"{service}_database_url", None)
        address = own or self.database_url
        if address is None:
            raise MissingSetting("QUANTRAC_DATABASE_URL is not set: postgresql://user@host:port/database")
        return str(address)

    def command_mqtt(self) -> str:
        """Return the broker's address for commands; raises MissingSetting."""
        return self.command_mqtt_url or self.mqtt()

    def keys(self) -> Path:
        """Return the file of the stations' keys; raises MissingSetting."""
        if self.command_keys is None:
            raise MissingSetting(
                "QUANTRAC_COMMAND_KEYS is not set: a file of lines `<station> <key>`; make one: quantrac commands key"
            )
        return self.command_keys

    def logins(self) -> Path:
        """Return the file of the receivers' logins; raises MissingSetting."""
        if self.receiver_logins is None:
            raise MissingSetting(
                "QUANTRAC_RECEIVER_LOGINS is not set: a file of lines `<receiver> <user> password <password>` or "
                "`<receiver> <user> key <file>`"
            )
        return self.receiver_logins

    def grafana(self) -> tuple[str, str]:
        """Return the address of Grafana and the token of a service account there; raises MissingSetting."""
        if self.grafana_url is None or self.grafana_token is None:
            raise MissingSetting(
                "QUANTRAC_GRAFANA_URL and QUANTRAC_GRAFANA_TOKEN are not both set: http://host:3000, and the token of "
                "a service account with the role Editor"
            )
        return self.grafana_url, self.grafana_token.get_secret_value()

    def grafana_page(self) -> str | None:
        """Return the address at which a browser finds Grafana, without a login in it; None: there is none."""
        if self.grafana_url is None or not self.grafana_url.startswith(("http://", "https://")):
            return None
        return re.sub(r"(?<=://).*@", "", self.grafana_url).rstrip("/")

    def mqtt(self) -> str:
        """Return the broker's address; raises MissingSetting."""
        if self.mqtt_url is None:
            raise MissingSetting("QUANTRAC_MQTT_URL is not set: mqtt://user:password@host:port")
        return self.mqtt_url
