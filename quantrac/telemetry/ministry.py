"""What the ministry fixes for its files: five minutes, UTC+7, three states (Circular 10/2021/TT-BTNMT)."""

from __future__ import annotations

from datetime import timedelta, timezone
from enum import StrEnum
from typing import Final

from quantrac.telemetry.states import State

SLOT: Final = timedelta(minutes=5)
"""Covered by a file, which is named by its end."""
ZONE: Final = timezone(timedelta(hours=7))
"""Of the times in names and lines, wherever the network stands."""
TIME: Final = "%Y%m%d%H%M%S"


class FiledStatus(StrEnum):
    """State of the device (trạng thái thiết bị) behind a value of a file."""

    MEASURING = "00"
    CALIBRATION = "01"
    FAULT = "02"


FILED_STATUS: Final = {
    State.OK: FiledStatus.MEASURING,
    State.SUSPECT: FiledStatus.MEASURING,
    State.RANGE: FiledStatus.FAULT,
    State.WARMUP: FiledStatus.FAULT,
    State.MAINT: FiledStatus.CALIBRATION,
    State.CAL: FiledStatus.CALIBRATION,
    State.FAULT: FiledStatus.FAULT,
}
"""How a file tells a state; `comm` is no word of the device, and nothing of it is sent. That maintenance is 01 and
warming up is 02 is our reading of three codes for eight states."""
STATE_OF_STATUS: Final[dict[str, State]] = {
    FiledStatus.MEASURING: State.OK,
    FiledStatus.CALIBRATION: State.CAL,
    FiledStatus.FAULT: State.FAULT,
}
"""What a file that is read says."""
