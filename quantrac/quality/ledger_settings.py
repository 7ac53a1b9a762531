"""What files say of the service ledger: what a sensor may be wrong by, and how sure a proposal is. Pure.

Files say it by parameter and by channel (`ledger` under `quality`); it is kept with the limits of the channel's tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from quantrac.quality.accuracy import CLASSES, Accuracy


class LedgerSettings(NamedTuple):
    """How the ledger looks at one channel."""

    accuracy: Accuracy
    confidence: float
    """What is proposed with less is not shown, 0 to 1."""


def settings_of(parameter: str, own: Mapping[str, Any]) -> LedgerSettings | None:
    """Return what holds for a channel, by the limits that are kept of it; None: the ledger does not look at it.

    What no file says is as usual for the parameter; a parameter of which neither says how accurate a sensor is, is not
    looked at.
    """
    usual = CLASSES.get(parameter)
    absolute = own.get("ledger_accuracy", usual.absolute if usual else None)
    if own.get("ledger_off") or absolute is None:
        return None
    share = own["ledger_percent"] / 100 if "ledger_percent" in own else usual.share if usual else 0.0
    return LedgerSettings(Accuracy(absolute, share), own.get("ledger_confidence", 0.0))
