"""Carriers in their order: which gets a message, when the next one takes over, and when it must not."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import pytest

from alerts import channels
from alerts.telling.carriers import CarrierReport
from alerts.telling.notifier import (
    Gone,
    HandedOver,
    NeedsPerson,
    OutcomeUnknown,
    Outgoing,
    TryAgain,
    UndeliverableError,
)
from alerts.telling.relay import REST_S, Relay
from alerts.watchdogs.carriers import RULES


class Carrier:
    def __init__(self, name: str, *answers: UndeliverableError | str, doubts: bool = False) -> None:
        self.name, self.answers, self.doubts, self.asked = name, list(answers), doubts, 0

    def send(self, message: Outgoing) -> str | None:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, UndeliverableError):
            raise answer
        return answer

    def is_in_doubt(self, key: str) -> bool:
        return self.doubts

    def close(self) -> None: ...


def message(attempts: int = 0) -> Outgoing:
    return Outgoing("k", "+84912345678", "oxy", attempts=attempts)


def handed(relay: Relay, out: Outgoing | None = None) -> tuple[HandedOver, list[tuple[str, str | None]]]:
    reports: list[CarrierReport] = []
    taken = relay.hand_over(out or message(), reports.append)
    return taken, [(r.carrier, None if r.error is None else type(r.error).__name__) for r in reports]


@pytest.mark.parametrize("error", [TryAgain("busy"), NeedsPerson("balance"), Gone("blocked there")])
def test_the_next_carrier_is_asked_where_the_first_did_not_take_it(error: UndeliverableError) -> None:
    first, second = Carrier("esms", error), Carrier("modem", "7")
    assert handed(Relay([first, second])) == (
        HandedOver("modem", "7"),
        [("esms", type(error).__name__), ("modem", None)],
    )


def test_no_other_carrier_is_asked_where_the_first_may_have_it() -> None:
    second = Carrier("modem", "7")
    with pytest.raises(TryAgain):
        Relay([Carrier("esms", TryAgain("read timeout", may_have_arrived=True)), second]).send(message())
    with pytest.raises(OutcomeUnknown):
        Relay([Carrier("speedsms", OutcomeUnknown("lost")), second]).send(message())
    assert second.asked == 0


def test_after_a_minute_an_alarm_told_twice_is_better_than_none() -> None:
    first = Carrier("esms", TryAgain("read timeout", may_have_arrived=True))
    taken, _ = handed(Relay([first, Carrier("modem", "7")]), message(attempts=5))
    assert taken == HandedOver("modem", "7")


def test_what_the_modem_may_have_sent_is_not_given_to_another() -> None:
    first = Carrier("esms", "1")
    with pytest.raises(OutcomeUnknown):
        Relay([first, Carrier("modem", "7", doubts=True)]).send(message())
    assert first.asked == 0


def test_a_blocked_carrier_rests_and_is_asked_again() -> None:
    now = 0.0

    def clock() -> float:
        return now

    first, second = Carrier("esms", TryAgain("away"), "1"), Carrier("modem", "7")
    relay = Relay([first, second], clock)
    assert [handed(relay)[0].carrier for _ in range(3)] == ["modem"] * 3
    assert first.asked == 1
    now += REST_S
    assert handed(relay)[0].carrier == "esms"


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ((NeedsPerson("a"), TryAgain("b")), TryAgain),
        ((Gone("a"), NeedsPerson("b")), Gone),
        ((NeedsPerson("a"), NeedsPerson("b")), NeedsPerson),
    ],
)
def test_when_nobody_took_it_the_mildest_answer_counts(
    errors: tuple[UndeliverableError, ...], kind: Callable[..., UndeliverableError]
) -> None:
    with pytest.raises(UndeliverableError, match="a; b") as found:
        Relay([Carrier(str(place), error) for place, error in enumerate(errors)]).send(message())
    assert type(found.value) is kind


def test_a_carriers_alarm_outlives_a_restart_whichever_carrier_it_is() -> None:
    """Alarms of rules that are neither of the files nor among RULES are closed as orphans when alerts start."""
    modules = [
        importlib.import_module(f"alerts.channels.{each.name}") for each in pkgutil.iter_modules(channels.__path__)
    ]
    classes = [thing for module in modules for thing in vars(module).values() if inspect.isclass(thing)]
    names = {name for each in classes if isinstance(name := vars(each).get("name"), str) and hasattr(each, "send")}
    assert {"smtp", "esms", "zns", "apprise"} <= names <= set(RULES.values())
