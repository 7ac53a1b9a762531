"""Kinds of breaches: limits of a station that were broken, and sessions at the broker that another client took."""

from __future__ import annotations

from enum import StrEnum


class BreachKind(StrEnum):
    """What was broken; the gravest first."""

    SESSION_TAKEN = "session_taken"
    """Another client came to the broker with the identifier of a session of ours, and ended it."""
    UNHEARD = "unheard"
    """A flood so large that the centre did not listen to the station for a while."""
    FLOOD = "flood"
    """Messages beyond what the station's channels can make, while they kept others waiting."""
    EPOCHS = "epochs"
    """More epochs than a station may have."""
    DEAD_LETTERS = "dead_letters"
    """More refused messages than are kept of a station."""
    PICTURES = "pictures"
    """More bytes of pictures than are stored of a station."""
    SURPLUS = "surplus"
    """Far more readings in an hour than the station's channels can make; they are stored."""
