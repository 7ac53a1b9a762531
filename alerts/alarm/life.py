"""The life of an alarm in the words of ISA-18.2: what each act makes of each state. Pure.

An alarm is born unacknowledged, or withheld where something withholds its subject at its rise; an alarm of the past,
which late readings bring to light, is born cleared. After that only the steps of `STEPS` exist. Being late, false or
questioned is a mark beside the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final


class AlarmState(StrEnum):
    """Where an alarm stands (ISA-18.2, figure 3)."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    SHELVED = "shelved"
    """A person has put it aside for a while."""
    OUT_OF_SERVICE = "out of service"
    """Its station, device or channel is being maintained."""
    SUPPRESSED = "suppressed by design"
    """Another alarm, its parent, explains it."""
    LATCHED = "latched"
    """Its readings have returned to normal; it stands until a person resets it."""
    RETURNED = "returned"
    """Over before anybody acknowledged it."""
    CLEARED = "cleared"


OVER: Final = frozenset({AlarmState.RETURNED, AlarmState.CLEARED})


class AlarmEvent(StrEnum):
    """The words of an alarm's history."""

    RAISED = "raised"
    LEVEL = "level"
    CLEARED = "cleared"
    RETURNED = "returned to normal"
    ACKNOWLEDGED = "acknowledged"
    RESET = "reset"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    OUT_OF_SERVICE = "out of service"
    IN_SERVICE = "in service"
    SUPPRESSED = "suppressed"
    RELEASED = "released"
    MARKED_FALSE = "marked false"
    NOT_FALSE = "not false"
    QUESTIONED = "questioned"
    COMMENT = "comment"
    CONFIRMED = "confirmed"
    PUBLISHED = "made public"
    UNPUBLISHED = "taken from the public"
    LATE = "late"
    """Late readings brought an alarm of the past to light."""
    WIDENED = "widened"
    """More of them made it longer or worse."""
    WITHHELD = "withheld"
    """Something kept its message from people."""
    TOLD = "told"
    """What was withheld or late has become a message, or never will."""
    ESCALATED = "escalated"
    REPEATED = "repeated"
    FLAPPING = "flapping"
    FLAPPING_ENDED = "flapping ended"
    PICTURE = "picture"
    NO_PICTURE = "no picture"


class AlarmAct(Enum):
    """What happens to an alarm that is on record: its name, and the word that the history has for it."""

    RAISE_AGAIN = "raise again", AlarmEvent.RAISED
    """A latched alarm rises."""
    WORSEN = "worsen", AlarmEvent.LEVEL
    """It reaches a more severe level, or another kind of trouble: it must be acknowledged again."""
    EASE = "ease", AlarmEvent.LEVEL
    """It reaches a milder level."""
    RETURN = "return", AlarmEvent.CLEARED
    """Its condition is over."""
    LATCH = "latch", AlarmEvent.RETURNED
    """Its condition is over, and its rule wants a person to reset it."""
    WITHDRAW = "withdraw", AlarmEvent.CLEARED
    """Nothing watches its subject any more."""
    ACKNOWLEDGE = "acknowledge", AlarmEvent.ACKNOWLEDGED
    RESET = "reset", AlarmEvent.RESET
    SHELVE = "shelve", AlarmEvent.SHELVED
    UNSHELVE = "unshelve", AlarmEvent.UNSHELVED
    TAKE_OUT = "take out of service", AlarmEvent.OUT_OF_SERVICE
    PUT_IN = "put in service", AlarmEvent.IN_SERVICE
    SUPPRESS = "suppress", AlarmEvent.SUPPRESSED
    RELEASE = "release", AlarmEvent.RELEASED
    """Its parent is over, and it still stands."""
    MARK_FALSE = "mark false", AlarmEvent.MARKED_FALSE
    MARK_TRUE = "mark true", AlarmEvent.NOT_FALSE
    QUESTION = "question", AlarmEvent.QUESTIONED
    """Readings that raised it are in doubt."""
    COMMENT = "comment", AlarmEvent.COMMENT
    CONFIRM = "confirm", AlarmEvent.CONFIRMED
    """A person means what the alarm is about: files that are gone."""

    PUBLISH = "publish", AlarmEvent.PUBLISHED
    UNPUBLISH = "unpublish", AlarmEvent.UNPUBLISHED

    @property
    def event(self) -> AlarmEvent:
        """The word of the history for it."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Life:
    """A state, and whether somebody has acknowledged the alarm since it last rose or worsened."""

    state: AlarmState
    is_acknowledged: bool = False


BACK: Final = None
"""To the list of alarms that must be answered: acknowledged or not, as it was."""

_U, _A, _S, _O = AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.SHELVED, AlarmState.OUT_OF_SERVICE
_D, _L, _R, _C = AlarmState.SUPPRESSED, AlarmState.LATCHED, AlarmState.RETURNED, AlarmState.CLEARED
STEPS: Final[Mapping[AlarmAct, Mapping[AlarmState, AlarmState | None]]] = {
    AlarmAct.RAISE_AGAIN: {_L: _U},
    AlarmAct.WORSEN: {_U: _U, _A: _U, _S: _S, _O: _O, _D: _D},
    AlarmAct.EASE: {_U: _U, _A: _A, _S: _S, _O: _O, _D: _D},
    AlarmAct.RETURN: {_U: _R, _A: _C, _S: _C, _O: _C, _D: _C},
    AlarmAct.LATCH: {_U: _L, _A: _L, _S: _L, _O: _L, _D: _L},
    AlarmAct.WITHDRAW: {_U: _C, _A: _C, _S: _C, _O: _C, _D: _C, _L: _C},
    AlarmAct.ACKNOWLEDGE: {_U: _A, _S: _S, _O: _O, _D: _D, _L: _L, _R: _C, _C: _C},
    AlarmAct.RESET: {_L: _C},
    AlarmAct.SHELVE: {_U: _S, _A: _S, _S: _S, _O: _S, _D: _S},
    AlarmAct.UNSHELVE: {_S: BACK},
    AlarmAct.TAKE_OUT: {_U: _O, _A: _O},
    AlarmAct.PUT_IN: {_O: BACK},
    AlarmAct.SUPPRESS: {_U: _D, _A: _D},
    AlarmAct.RELEASE: {_D: BACK},
    **{
        mark: {state: state for state in AlarmState}
        for mark in (
            AlarmAct.MARK_FALSE,
            AlarmAct.MARK_TRUE,
            AlarmAct.QUESTION,
            AlarmAct.COMMENT,
            AlarmAct.CONFIRM,
            AlarmAct.PUBLISH,
            AlarmAct.UNPUBLISH,
        )
    },
}
"""The table: an act refuses the states that it does not name."""
VOIDING: Final = frozenset({AlarmAct.RAISE_AGAIN, AlarmAct.WORSEN})
"""After these the alarm must be acknowledged again."""


def step(life: Life, act: AlarmAct) -> Life | None:
    """Return the life after an act; None: the table has no step for it in this state, so the alarm refuses it."""
    if life.state not in STEPS[act] or (act is AlarmAct.ACKNOWLEDGE and life.is_acknowledged):
        return None
    acknowledged = act is AlarmAct.ACKNOWLEDGE or (life.is_acknowledged and act not in VOIDING)
    state = STEPS[act][life.state]
    if state is BACK:
        state = AlarmState.ACKNOWLEDGED if acknowledged else AlarmState.UNACKNOWLEDGED
    return Life(state, acknowledged)
