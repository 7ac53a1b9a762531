"""What the centre watches beside its channels, and whom it tells: silence, books, clocks, carriers, files."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from quantrac.config.fields import Kebab, Model, PositiveDuration, SeverityWord, refused
from quantrac.telemetry.clock_errors import TOLERANCE_MS
from quantrac.telemetry.severity import Severity


def _mild(severity: Severity) -> Severity:
    if severity > Severity.MEDIUM:
        raise refused("low or medium: what is overdue is one severity worse")
    return severity


class Watchdog(Model):
    """After how long something is reported, to whom: books that do not balance, a consumer that falls behind, files."""

    after_ms: PositiveDuration = Field(alias="after")
    severity: SeverityWord = Severity.HIGH
    to: tuple[Kebab, ...] = Field(min_length=1)


class ChannelSilence(Watchdog):
    """When a channel without values is reported, while its station speaks."""

    severity: SeverityWord = Severity.MEDIUM


class Silence(Watchdog):
    """When a station that sends nothing is reported as silent."""

    channels: ChannelSilence | None = None


class Clocks(Model):
    """From which error on a station's clock is reported as wrong, as the centre hears it by the live messages."""

    off_ms: PositiveDuration = Field(alias="off", gt=TOLERANCE_MS)
    severity: SeverityWord = Severity.MEDIUM
    to: tuple[Kebab, ...] = Field(min_length=1)


class Calibrations(Model):
    """Who gets a message when the calibration of a device with an interval is due."""

    overdue_ms: PositiveDuration = Field(alias="overdue")
    """Overdue, and one severity worse, when it has been due for so long."""
    severity: Annotated[SeverityWord, AfterValidator(_mild)] = Severity.LOW
    to: tuple[Kebab, ...] = Field(min_length=1)


class Carriers(Model):
    """Who gets a message, by the other media, when a carrier of messages fails."""

    severity: SeverityWord = Severity.HIGH
    to: tuple[Kebab, ...] = Field(min_length=1)


class Breaches(Model):
    """Who gets a message when a station breaks a limit, or another client takes a session at the broker."""

    severity: SeverityWord = Severity.HIGH
    to: tuple[Kebab, ...] = Field(min_length=1)


class Files(Model):
    """Who gets a message when changed files are refused, and first of alarms that a change of files ends."""

    severity: SeverityWord = Severity.HIGH
    to: tuple[Kebab, ...] = Field(min_length=1)
