"""QuantracError, the base class of every error that Quantrac raises on purpose.

QuantracError
├── telemetry.wire.WireError         a payload is not what wire version 1 says
├── config.ConfigErrors              files a technician wrote hold mistakes, all listed
├── telemetry.errors.TranslatableError  why something that a person asked cannot be done
└── …                                each room adds its own, one class per reaction of the caller
"""

from datetime import datetime


class QuantracError(Exception):
    """Base of all errors raised on purpose; its text is written for the person who reads it."""


class TranslatableError(QuantracError):
    """Why something that a person asked cannot be done: an English sentence with placeholders, and what stands in them.

    Its text is the sentence with times in UTC. A page gives it in its own language, with times of the reader's zone.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        shown = {name: f"{v:%Y-%m-%d %H:%M:%SZ}" if isinstance(v, datetime) else v for name, v in values.items()}
        super().__init__(sentence.format(**shown))
        self.sentence, self.values = sentence, values
