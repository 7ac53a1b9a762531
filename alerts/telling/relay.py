"""The relay of a medium: its carriers in their order, and when the next one takes over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from alerts.telling.carriers import CarrierReport
from alerts.telling.notifier import (
    Attended,
    Gone,
    HandedOver,
    MayDoubt,
    NotCarried,
    Notifier,
    OutcomeUnknown,
    Outgoing,
    TryAgain,
    UndeliverableError,
)

REST_S: Final = 30.0
"""A carrier that was blocked is not asked for so long, where another can be."""
PATIENCE: Final = 5
"""Attempts (about a minute) after which a message that may have arrived is given to the next carrier all the same: an
alarm told twice is better than none."""


class Relay:
    """Hands each message to the first carrier that takes it."""

    def __init__(self, carriers: Sequence[Notifier], clock: Callable[[], float] = time.monotonic) -> None:
        self.carriers = tuple(carriers)
        self.name = " → ".join(carrier.name for carrier in carriers)
        self._clock = clock
        self._rests: dict[str, float] = {}

    def send(self, message: Outgoing) -> str | None:
        """Hand the message over; see Notifier."""
        return self.hand_over(message, lambda _: None).reference

    def hand_over(self, message: Outgoing, report: Callable[[CarrierReport], None]) -> HandedOver:
        """Hand the message to the first carrier that takes it, and report how each that was asked did.

        The next carrier gets what this one cannot or will not take, never what this one may have taken: that waits for
        the same carrier and its idempotency key, or is held. Raises UndeliverableError when nobody took it: TryAgain if
        any of them may do so later.
        """
        if doubtful := next((one for one in self.carriers if _doubts(one, message.key)), None):
            raise OutcomeUnknown(f"{doubtful.name}: a hand-over was begun and never ended; held")
        errors: list[UndeliverableError] = []
        for carrier in self._awake():
            try:
                reference = carrier.send(message)
            except NotCarried as error:
                errors.append(error)
            except OutcomeUnknown as error:
                report(CarrierReport(carrier.name, error))
                raise
            except TryAgain as error:
                report(CarrierReport(carrier.name, error))
                if error.may_have_arrived and message.attempts < PATIENCE:
                    raise
                self._rests[carrier.name] = self._clock() + REST_S
                errors.append(error)
            except UndeliverableError as error:
                report(CarrierReport(carrier.name, error))
                errors.append(error)
            else:
                self._rests.pop(carrier.name, None)
                report(CarrierReport(carrier.name, None))
                return HandedOver(carrier.name, reference)
        raise _together(errors)

    def attended(self) -> list[Attended]:
        """Return the carriers that must be looked after."""
        return [carrier for carrier in self.carriers if isinstance(carrier, Attended)]

    def close(self) -> None:
        """Close all of them."""
        for carrier in self.carriers:
            carrier.close()

    def _awake(self) -> list[Notifier]:
        """Return the carriers in the order to ask them: those that rest come last."""
        now = self._clock()
        return sorted(self.carriers, key=lambda carrier: self._rests.get(carrier.name, 0.0) > now)


def _doubts(carrier: Notifier, key: str) -> bool:
    return isinstance(carrier, MayDoubt) and carrier.is_in_doubt(key)


def _together(errors: list[UndeliverableError]) -> UndeliverableError:
    text = "; ".join(str(error) for error in errors)
    for kind in (TryAgain, Gone):  # an address that no carrier knows is no fault of ours
        if any(isinstance(error, kind) for error in errors):
            return kind(text)
    if len(errors) == 1:
        return errors[0]
    last = next((error for error in reversed(errors) if not isinstance(error, NotCarried)), errors[-1])
    return type(last)(text)
