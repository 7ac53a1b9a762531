"""Late answers on a line without transaction numbers: none is taken for the answer to a later request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.modbus.frames import Request, crc16, find_reply
from edge_agent.modbus.owed_answers import OWED_S, OwedAnswers
from edge_agent.modbus.request_plan import Function, RegisterSpan

FIRST = Request(1, RegisterSpan(Function.HOLDING, 0, 4))
ALIKE = Request(1, RegisterSpan(Function.HOLDING, 80, 4))
OTHER = Request(1, RegisterSpan(Function.HOLDING, 80, 6))
NEIGHBOUR = Request(2, RegisterSpan(Function.HOLDING, 0, 4))
REQUESTS = st.builds(
    Request,
    st.integers(1, 3),
    st.builds(RegisterSpan, st.sampled_from(Function), st.integers(0, 50), st.integers(1, 20)),
)


def answer(request: Request, filling: int = 0x41) -> bytes:
    frame = bytes((request.unit, request.span.function.value, request.data_bytes)) + bytes(
        [filling] * request.data_bytes
    )
    return frame + crc16(frame)


def test_a_request_that_the_late_answer_would_fit_waits_for_a_fence_of_another_length() -> None:
    owed = OwedAnswers()
    assert owed.fence(FIRST, 0.0) is None
    owed.owe(FIRST, 0.0)
    fence = owed.fence(ALIKE, 1.0)
    assert fence is not None
    assert find_reply(answer(FIRST), fence) is None
    assert (fence.unit, fence.span.at) == (1, 80), "it asks within what is asked anyway"
    assert owed.fence(OTHER, 1.0) is None
    assert owed.fence(NEIGHBOUR, 1.0) is None


@pytest.mark.parametrize(
    ("owed_s", "settled_s", "asked_s", "in_doubt"),
    [(0.0, 1.0, 1.1, False), (2.0, 1.0, 2.5, True), (0.0, -1.0, OWED_S + 0.1, False), (0.0, -1.0, OWED_S - 0.1, True)],
    ids=["it has answered a later request", "an earlier one", "nobody answers after ten seconds", "but before"],
)
def test_units_answer_in_order_so_an_answered_fence_ends_the_doubt(
    owed_s: float, settled_s: float, asked_s: float, in_doubt: bool
) -> None:
    owed = OwedAnswers()
    owed.owe(FIRST, owed_s)
    owed.settle(1, settled_s)
    assert (owed.fence(ALIKE, asked_s) is not None) is in_doubt


def test_a_late_answer_is_known_by_whom_it_is_from_while_a_neighbour_is_asked() -> None:
    owed = OwedAnswers()
    owed.owe(FIRST, 0.0)
    found = owed.late(b"\x00" + answer(FIRST) + answer(NEIGHBOUR)[:3], NEIGHBOUR)
    assert found is not None
    assert (found[0], found[1].sent) == (answer(FIRST), 0.0)
    assert owed.late(answer(FIRST), NEIGHBOUR) is None, "it has been heard"


def test_a_refusal_ends_the_doubt_about_one_answer_only() -> None:
    owed = OwedAnswers()
    owed.owe(OTHER, 0.0)
    owed.refused(FIRST, 1.0)
    assert owed.fence(OTHER, 1.1) is None, "the oldest is over with, whichever was refused"
    assert owed.fence(ALIKE, 1.1) is not None, "what was asked may still be answered"
    owed.refused(NEIGHBOUR, 2.0)
    assert owed.fence(NEIGHBOUR, 2.1) is None, "who owes nothing else has refused what was asked"


UNANSWERED = st.lists(REQUESTS, max_size=6)


def owing(unanswered: list[Request]) -> OwedAnswers:
    """Return what is owed when these have not been answered, one each tenth of a second."""
    owed = OwedAnswers()
    for number, request in enumerate(unanswered):
        owed.owe(request, number / 10)
    return owed


@given(UNANSWERED, REQUESTS)
def test_a_unit_that_refuses_every_fence_is_asked_in_the_end(unanswered: list[Request], asked: Request) -> None:
    owed = owing(unanswered)
    for number in range(len(unanswered) + 1):
        fence = owed.fence(asked, 1.0)
        if fence is None:
            return
        owed.refused(fence, 1.0 + number / 10)
    raise AssertionError("one fence for each answer owed")


@given(UNANSWERED, REQUESTS)
def test_no_answer_owed_fits_the_fence_or_what_is_asked_without_one(unanswered: list[Request], asked: Request) -> None:
    owed = owing(unanswered)
    sent = owed.fence(asked, 1.0) or asked
    for request in unanswered:
        assert find_reply(answer(request), sent) is None


@given(UNANSWERED, REQUESTS)
def test_the_answer_to_what_is_asked_is_never_called_late(unanswered: list[Request], asked: Request) -> None:
    owed = owing(unanswered)
    late = owed.late(answer(asked, 0x17), asked)
    assert late is None or late[0] != answer(asked, 0x17)
