"""What a person says by answering a short message. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.telling.gsm import unaccented


class Wish(StrEnum):
    """What the answer asks for."""

    ACKNOWLEDGE = "acknowledge"
    STOP = "stop"
    START = "start"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Reply:
    """A wish and, for an acknowledgement, the alarm it names (None: the newest that the person was told of)."""

    wish: Wish
    alarm_id: int | None = None
    remark: str = ""


ACKNOWLEDGE: Final = re.compile(r"(?:OK|DA NHAN|NHAN|ACK)\b[\s#:]*(\d{1,12})?\b[\s.,:]*(.*)", re.DOTALL)
STOP: Final = re.compile(r"(?:STOP|HUY|TU CHOI|TC)[\s.!]*")
START: Final = re.compile(r"(?:START|BAT DAU|NHAN LAI)[\s.!]*")


def read_reply(text: str) -> Reply:
    """Read an answer, with or without diacritics, upper or lower case."""
    plain = unaccented(text).strip()
    upper = plain.upper()
    if STOP.fullmatch(upper):
        return Reply(Wish.STOP)
    if START.fullmatch(upper):
        return Reply(Wish.START)
    found = ACKNOWLEDGE.fullmatch(upper)
    if found is None:
        return Reply(Wish.NOTHING)
    return Reply(Wish.ACKNOWLEDGE, int(found[1]) if found[1] else None, plain[found.start(2) :].strip())
