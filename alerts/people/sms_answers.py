"""Reads people's answers to a short message: OK, STOP, START. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.telling.gsm import unaccented


class Meaning(StrEnum):
    """What the answer asks for."""

    ACKNOWLEDGE = "acknowledge"
    STOP = "stop"
    START = "start"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class SmsAnswer:
    """A wish and, for an acknowledgement, the alarm it names (None: the newest that the person was told of)."""

    meaning: Meaning
    alarm_id: int | None = None
    remark: str = ""


ACKNOWLEDGE: Final = re.compile(r"(?:OK|DA NHAN|NHAN|ACK)\b[\s#:]*(\d{1,12})?\b[\s.,:]*(.*)", re.DOTALL)
STOP: Final = re.compile(r"(?:STOP|HUY|TU CHOI|TC)[\s.!]*")
START: Final = re.compile(r"(?:START|BAT DAU|NHAN LAI)[\s.!]*")


def read_answer(text: str) -> SmsAnswer:
    """Read an answer, with or without diacritics, upper or lower case."""
    plain = unaccented(text).strip()
    upper = plain.upper()
    if STOP.fullmatch(upper):
        return SmsAnswer(Meaning.STOP)
    if START.fullmatch(upper):
        return SmsAnswer(Meaning.START)
    found = ACKNOWLEDGE.fullmatch(upper)
    if found is None:
        return SmsAnswer(Meaning.NOTHING)
    return SmsAnswer(Meaning.ACKNOWLEDGE, int(found[1]) if found[1] else None, plain[found.start(2) :].strip())
