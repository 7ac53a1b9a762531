"""Endings of answers in printable characters: how each ends and what it holds, which tells it from others. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

LONG: Final = 16
"""So many bytes are no mere noise: an answer, if a damaged one; where it would begin with more than an address."""


class Ending(NamedTuple):
    """How an answer ends, with a mark and so many bytes behind it; and what stands in each."""

    mark: bytes
    more: int = 0
    head: bytes = b""
    """What every answer holds, such as the address it begins with."""
    only: Callable[[bytes], bool] | None = None
    """Tells the answer from others that hold the same."""

    def is_answer(self, raw: bytes) -> bool:
        """Return whether what ends so can be the answer, damaged perhaps."""
        return (self.head in raw or self._is_long(raw)) and (self.only is None or self.only(raw))

    def but_not(self, other: Ending) -> Ending:
        """Return the same without answers of another form."""
        return self._replace(only=lambda raw: not other.is_answer(raw) and (self.only is None or self.only(raw)))

    def has_come(self, heard: bytes) -> bool:
        """Return whether an answer was among what was heard before the line fell silent, whole or not.

        Where only one form counts it has to be whole.
        """
        if self.only is not None:
            return any(self.is_answer(line + self.mark) for line in heard.split(self.mark)[:-1])
        return (self.head in heard and (self.mark in heard or len(self.head) > 1)) or self._is_long(heard)

    def _is_long(self, heard: bytes) -> bool:
        return len(self.head) > 1 and len(heard) >= LONG

    def behind(self, heard: bytes) -> int | None:
        """Return where the first whole answer ends, None if there is none."""
        at = heard.find(self.mark, max(0, heard.find(self.head)))
        end = at + len(self.mark) + self.more
        return end if at >= 0 and self.head in heard[:end] and len(heard) >= end else None


LINE: Final = Ending(b"\n")


class Fence(NamedTuple):
    """A small request whose answer looks like no other."""

    request: bytes
    ending: Ending


def bare(address: str) -> Ending:
    """Return the form of an answer that is an address and nothing else."""
    head = address.encode("ascii")
    pattern = re.compile(rb"[\0\xff\s]*(?:%b!?\s*)?%b\s*" % (re.escape(head), re.escape(head)))
    return Ending(b"\n", head=head, only=lambda raw: pattern.fullmatch(raw) is not None)


class TextAnswer(NamedTuple):
    """The answer to a request; `sent_ms`: wall clock when the request was sent."""

    sent_ms: int
    raw: bytes
