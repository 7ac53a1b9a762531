"""Templates of messages that a provider has registered (`templates` of network.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from quantrac.config.fields import Model, refused

FACTS: Final = (
    "station", "channel", "title", "level", "time", "value", "limit", "unit", "trend", "response", "alarm",
)  # fmt: skip
"""What may stand in a placeholder: the same words that `sms:` of a rule may use, the advice, and the alarm's number."""
Carrier = Literal["zns", "esms", "speedsms"]
Purpose = Literal[
    "raised", "level", "cleared", "withdrawn", "questioned", "flapping", "escalated", "repeated", "late", "summary"
]


class Placeholder(Model):
    """What of ours stands in a placeholder of theirs."""

    of: str
    most: int | None = Field(default=None, ge=1, le=400)
    """Characters that were registered at the most; longer words are cut, numbers and times never."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.of not in FACTS:
            raise refused(f"one of {', '.join(FACTS)}")
        return self


def _short(value: Any) -> Any:
    return {"of": value} if isinstance(value, str) else value


class MessageTemplate(Model):
    """One registered message: an `id` where the provider writes the text, a `text` where it compares ours."""

    id: str | None = None
    text: str | None = None
    language: Literal["vi", "en"] = "vi"
    placeholders: dict[str, Annotated[Placeholder, BeforeValidator(_short)]] = Field(default_factory=dict)


Templates = Mapping[str, Mapping[str, MessageTemplate]]
"""Carrier → purpose → what is registered."""
