"""The address of the broker: `mqtt://user:password@host:1883` or `mqtts://host:8883?ca=/etc/quantrac/ca.pem`."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlsplit

from quantrac.telemetry.errors import QuantracError

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


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

    @classmethod
    def parse(cls, url: str) -> MqttAddress:
        """Read an `mqtt://` or `mqtts://` address; user and password may be percent-encoded. Raises AddressError."""
        parts = urlsplit(url)
        if parts.scheme not in DEFAULT_PORTS:
            raise AddressError(
                f"broker address: found {_masked(url)!r}, expected mqtt://host:port or mqtts://host:port"
                " (QUANTRAC_MQTT_URL)"
            )
        try:
            port = parts.port or DEFAULT_PORTS[parts.scheme]
        except ValueError:
            raise AddressError(f"broker address: found {_masked(url)!r}, expected a port from 1 to 65535") from None
        if not parts.hostname:
            raise AddressError(f"broker address: found {_masked(url)!r}, expected a host name after //")
        ca = parse_qs(parts.query).get("ca", [None])[0]
        return cls(
            host=parts.hostname,
            port=port,
            tls=parts.scheme == "mqtts",
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            ca_file=ca,
        )

    @property
    def url(self) -> str:
        """The address in full, password included: not for logs."""
        who = "" if self.user is None else quote(self.user, safe="")
        if self.password is not None:
            who += ":" + quote(self.password, safe="")
        query = "" if self.ca_file is None else "?ca=" + quote(self.ca_file)
        return f"{'mqtts' if self.tls else 'mqtt'}://{who}{'@' if who else ''}{self._place}{query}"

    def __str__(self) -> str:
        """The address without the password, for logs."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.user + '@' if self.user else ''}{self._place}"

    @property
    def _place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _masked(url: str) -> str:
    head, at, place = url.rpartition("@")
    return f"{head.split('//')[0]}//…@{place}" if at else url
