"""The desk of certificates: of calibration (hiệu chuẩn) and verification (kiểm định), and when each expires.

Nothing is deleted: a correction is one more version with person and reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.desks.entries import BadEntry, EntryBook, EntryVersion, check_station, checked
from quantrac.desks.field_book import devices_of

WARNED: Final = timedelta(days=30)
"""So long ahead an end is told: time to order a calibration."""
LONGEST: Final = timedelta(days=3660)

CertificateKind = Literal["calibration", "verification"]
Standing = Literal["valid", "expiring", "expired"]


class CertificateSheet(NamedTuple):
    """What a certificate says."""

    station: str
    device: str
    kind: CertificateKind
    number: str
    issued_by: str
    issued_on: date
    expires_on: date
    """The last day on which it is valid."""
    serial: str | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Certificate(EntryVersion):
    """A version of a certificate on record."""

    certificate_id: int
    device: str
    kind: str
    number: str
    serial: str | None
    issued_by: str
    issued_on: date
    expires_on: date
    words: str


@dataclass(frozen=True, slots=True)
class ExpiringCertificate:
    """A certificate that ends soon or has ended, and that no other one replaces; its device stands at its station."""

    certificate_id: int
    station: str
    device: str
    kind: str
    number: str
    expires_on: date
    """Its last day, in the network's time zone."""
    ended: bool


EXPIRING: Final = """
select certificate_id, station, device, kind, number, expires_on, expires_on < %(today)s from v_certificate
where not superseded and stands and expires_on < %(before)s
  and (%(stations)s::text[] is null or station = any(%(stations)s))
order by expires_on, station, device
"""


class _Certificates(EntryBook[CertificateSheet, Certificate]):
    """Certificates by device, the longest valid first."""

    def checked(
        self, conn: Connection, sheet: CertificateSheet, now: datetime, before: Certificate | None
    ) -> CertificateSheet:
        """Return the sheet as it is kept; its device stands at the station, or stood there. Raises BadEntry."""
        check_station(conn, sheet.station)
        known = devices_of(conn, sheet.station)
        if sheet.device not in (*known, before and before.device):
            raise BadEntry("{station} has no device {device}; its devices: {known}", station=sheet.station,
                           device=sheet.device, known=", ".join(known))  # fmt: skip
        if not timedelta(0) <= sheet.expires_on - sheet.issued_on <= LONGEST:
            raise BadEntry("issued on {issued}, ends on {ends}: expected an end within ten years",
                           issued=sheet.issued_on, ends=sheet.expires_on)  # fmt: skip
        if sheet.issued_on > (now + timedelta(days=1)).date():
            raise BadEntry("found {at}, which is still to come", at=sheet.issued_on)
        number, issued_by = checked(sheet.number), checked(sheet.issued_by)
        if not number or not issued_by:
            raise BadEntry("a certificate has a number, and somebody who issued it")
        serial = checked(sheet.serial or "") or None
        return sheet._replace(number=number, issued_by=issued_by, serial=serial, words=checked(sheet.words))

    def detail(self, sheet: CertificateSheet) -> dict[str, Any]:
        """Return what the audit keeps of a certificate."""
        return {"device": sheet.device, "number": sheet.number, "ends": sheet.expires_on.isoformat()}


CERTIFICATES: Final = _Certificates(
    "certificate", "certificate", Certificate, begins="issued_on", ends="expires_on",
    order="station, device, kind, expires_on desc",
)  # fmt: skip
add, correct, withdraw = CERTIFICATES.add, CERTIFICATES.correct, CERTIFICATES.withdraw
certificates, versions, certificate_of = CERTIFICATES.listed, CERTIFICATES.versions, CERTIFICATES.holding


def expiring(conn: Connection, now: datetime, stations: frozenset[str] | None = None) -> list[ExpiringCertificate]:
    """Return the certificates that need a person: those that have ended, or end within WARNED, the oldest end first."""
    today, within = now.astimezone(time_zone(conn)).date(), None if stations is None else sorted(stations)
    asked = {"today": today, "before": today + WARNED + timedelta(days=1), "stations": within}
    return [ExpiringCertificate(*row) for row in conn.execute(EXPIRING, asked)]


def standing(expires_on: date, today: date) -> Standing:
    """Return whether a certificate is valid on a day; `expiring`: it ends within WARNED. Pure."""
    if expires_on < today:
        return "expired"
    return "expiring" if expires_on - today <= WARNED else "valid"
