"""Requests that enter, correct and withdraw an entry of any kind: a visit, a certificate, a sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Note, Reason
from dashboards.console.context import Console
from quantrac.desks.entries import EntryBook
from quantrac.desks.roles import DeskAct

EntryNumber = Annotated[int, PathParameter(gt=0, lt=2**31)]
Seen = Annotated[int | None, Field(ge=1, lt=2**15)]
"""The version that somebody has looked at; None: whatever others did."""


class EntryWish(BaseModel, ABC):
    """The body of an entry; `reason` and `seen` belong to a correction."""

    words: Note = ""
    reason: Note = ""
    seen: Seen = None

    @abstractmethod
    def sheet(self, station: str) -> Any:
        """Return it as the desk takes it."""


class WithdrawWish(BaseModel):
    """The body of a withdrawal."""

    reason: Reason
    seen: Seen = None


def add_entry_acts(
    app: FastAPI, console: Console, act: DeskAct, path: str, book: EntryBook[Any, Any], wished: type[EntryWish]
) -> None:
    """Add the three requests of one kind of entry below a path; each answers the entry's number."""
    pool, clock, gate, key = console.pool, console.clock, Depends(Gate(console, act)), f"{book.noun}_id"

    def add(station: str, wish: EntryWish, by: Visitor = gate) -> dict[str, int]:
        """Make an entry."""
        with pool.connection() as conn, by.acting():
            return {key: getattr(book.add(conn, wish.sheet(station), by.name, clock()), key)}

    def correct(station: str, number: EntryNumber, wish: EntryWish, by: Visitor = gate) -> dict[str, int]:
        """Put another version in its place."""
        with pool.connection() as conn, by.acting():
            book.correct(conn, number, wish.sheet(station), by.name, wish.reason, clock(), seen=wish.seen)
        return {key: number}

    def withdraw(station: str, number: EntryNumber, wish: WithdrawWish, by: Visitor = gate) -> dict[str, int]:
        """Take it back."""
        with pool.connection() as conn, by.acting():
            book.withdraw(conn, number, by.name, wish.reason, clock(), seen=wish.seen, station=station)
        return {key: number}

    for function, place in ((add, ""), (correct, "/{number}"), (withdraw, "/{number}/withdraw")):
        if function is not withdraw:
            function.__annotations__["wish"] = wished  # where FastAPI reads what a body is
        app.post(f"/api/stations/{{station}}/{path}{place}", name=f"{function.__name__}_{book.noun}")(function)
