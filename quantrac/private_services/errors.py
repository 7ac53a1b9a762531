"""Errors of the private servers; each message says what the person at the terminal must do."""

from quantrac.telemetry.errors import QuantracError


class ServiceError(QuantracError):
    """A private server could not be started, reached or stopped."""


class MissingPackage(ServiceError):
    """A program is not installed; the message names the package."""


class StartFailed(ServiceError):
    """The server ended before it was ready; the message carries the end of its log."""
