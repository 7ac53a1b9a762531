"""QuantracError, the base class of every error that Quantrac raises on purpose.

QuantracError
├── telemetry.wire.WireError         a payload is not what wire version 1 says
├── config.ConfigErrors              files a technician wrote hold mistakes, all listed
└── …                                each room adds its own, one class per reaction of the caller
"""


class QuantracError(Exception):
    """Base of all errors raised on purpose; its text is written for the person who reads it."""
