"""The address of the broker: `mqtt://user:password@host:1883` or `mqtts://host:8883?ca=/etc/quantrac/ca.pem`.

Of a cluster it names several hosts, `mqtt://user:password@one:1883,two:1883,three:1883`, or several whole addresses
with commas between them.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, quote, unquote, urlsplit

from quantrac.telemetry.errors import QuantracError

DIGEST_LETTERS = 32
"""Of a client identifier, 128 bits."""
DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_NEXT_ADDRESS = re.compile(r",(?=[a-z]+://)")


class AddressError(QuantracError):
    """The text is no address of a broker."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """One broker, and who we are there."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    """Certificates to trust; None means those of the system."""

    others: tuple[MqttAddress, ...] = ()
    """Further brokers of the same cluster, in the order in which they are tried."""

    @classmethod
    def parse(cls, url: str) -> MqttAddress:
        """Read `mqtt://` or `mqtts://` addresses; user and password may be percent-encoded. Raises AddressError."""
        first, *others = [broker for address in _NEXT_ADDRESS.split(url) for broker in cls._brokers(address)]
        return replace(first, others=tuple(others))

    @classmethod
    def _brokers(cls, url: str) -> list[MqttAddress]:
        """Read one address, which may name several hosts."""
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in DEFAULT_PORTS:
            raise AddressError(
                f"broker address: found {_scheme(url)}, expected mqtt://host:port or mqtts://host:port"
                " (QUANTRAC_MQTT_URL)"
            )
        who, at, places = rest.rpartition("@")
        if any(mark in who for mark in "/?#"):
            raise AddressError(
                f"broker address: found {_scheme(url)}, expected a password in which / is %2F, ? is %3F, # is %23"
            )
        places, mark, query = places.partition("?")
        return [cls._broker(f"{scheme}://{who}{at}{place}{mark}{query}") for place in places.split(",")]

    @classmethod
    def _broker(cls, url: str) -> MqttAddress:
        try:
            parts = urlsplit(url)
            port = parts.port or DEFAULT_PORTS[parts.scheme]
        except ValueError:
            raise AddressError(f"broker address: found {_scheme(url)}, expected a port from 1 to 65535") from None
        if not parts.hostname:
            raise AddressError(f"broker address: found {_scheme(url)}, expected a host name after // and each comma")
        return cls(
            host=parts.hostname,
            port=port,
            tls=parts.scheme == "mqtts",
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            ca_file=parse_qs(parts.query).get("ca", [None])[0],
        )

    def client_id(self, session: str) -> str:
        """Return the client identifier of one of our sessions here: nobody without our password can guess it."""
        return client_id(session, self.user, self.password)

    @property
    def each(self) -> tuple[MqttAddress, ...]:
        """The brokers one by one, at least one."""
        return replace(self, others=()), *self.others

    @property
    def url(self) -> str:
        """The address in full, password included: not for logs."""
        return ",".join(broker._whole for broker in self.each)  # noqa: SLF001 (its own class)

    def __str__(self) -> str:
        """The address without the password, for logs."""
        own = f"{self._scheme}://{self.user + '@' if self.user else ''}{self._place}"
        return ",".join([own, *map(str, self.others)])

    @property
    def _whole(self) -> str:
        who = "" if self.user is None else quote(self.user, safe="")
        if self.password is not None:
            who += ":" + quote(self.password, safe="")
        query = "" if self.ca_file is None else "?ca=" + quote(self.ca_file)
        return f"{self._scheme}://{who}{'@' if who else ''}{self._place}{query}"

    @property
    def _scheme(self) -> str:
        return "mqtts" if self.tls else "mqtt"

    @property
    def _place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def client_id(session: str, user: str | None, password: str | None) -> str:
    """Return the client identifier of a session: its name, and behind it a digest that only its user can make.

    Brokers hand a session, with all that waits in it, to whoever comes with its identifier, of whatever user. Without
    a password there is no secret, and the name stands alone.
    """
    if not password:
        return session
    digest = hmac.digest(password.encode(), f"{user}/{session}".encode(), "sha256").hex()
    return f"{session}-{digest[:DIGEST_LETTERS]}"


def _scheme(url: str) -> str:
    """Return how an address begins; what follows may be a password, wherever it is cut."""
    scheme, separator, _ = url.partition("://")
    return f"{scheme}://…" if separator else "no address"
