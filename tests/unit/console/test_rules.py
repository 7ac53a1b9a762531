"""The library of rules for people, and long works that a page follows step by step."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from alerts.rules.rule import ChannelRule
from dashboards.console.context import PLACE_KEPT_S, TrialTurns
from dashboards.console.rule_library import (
    RuleLibrary,
    compared,
    delay_words,
    in_force,
    level_words,
    messages,
    told,
    trial_groups,
)
from dashboards.console.rule_trial import lasted
from dashboards.console.stepwise import told_stepwise
from quantrac.config.loader import load_network
from quantrac.config.rule_edits import RuleEdit, propose_rules
from quantrac.config.rules import Level, Valid, levels_on
from quantrac.telemetry.errors import QuantracError

CONFIG = Path(__file__).parents[3] / "station_configs"
TODAY = date(2026, 11, 30)


@pytest.fixture(scope="module")
def library() -> RuleLibrary:
    return RuleLibrary.of(load_network(CONFIG), TODAY)


def test_a_level_says_when_it_is_reached_and_whom_it_tells(library: RuleLibrary) -> None:
    (rule,) = library.at("do-low", frozenset({"st-my-thanh"}))
    act = next(level for level in rule.levels if level.name == "act")
    assert level_words(rule, act, "vi") == "dưới 3 mg/l, kéo dài 10 phút"
    assert level_words(rule, act, "en") == "below 3 mg/l, for 10 min"
    assert [words.partition(":")[0] for words in told(library.network, act, "vi")] == [
        library.network.settings.groups[group].title.vi for group in ("farmers", "operators")
    ]
    (state,) = library.at("sonde-fault", frozenset({"st-my-thanh"}))
    assert level_words(state, state.levels[0], "en") == "for 30 min", "of a state the limit says nothing"
    assert compared(library.network.rules["sonde-fault"], "vi") == "thiết bị báo: Lỗi thiết bị"
    assert compared(library.network.rules["do-low"], "vi") == ""
    assert compared(library.network.rules["ph-swing"], "en") == "swing over 24 h"
    assert compared(library.network.composites["warm-and-low-oxygen"], "en") == "several conditions together"


def test_whoever_waits_for_a_trial_goes_before_whoever_has_just_had_one() -> None:
    turns = TrialTurns()
    asked = [turns.take("An", 0), turns.take("Bình", 1), turns.take("Chi", 2), turns.take("An", 3)]
    assert asked == [True, False, False, False]
    turns.give_back()
    assert [turns.take(who, 4) for who in ("An", "Chi", "Bình")] == [False, False, True]
    turns.give_back()
    assert not turns.take("Bình", 5)
    assert not turns.take("Chi", 4.5 + PLACE_KEPT_S), "a place that lapsed is the last again"
    assert turns.take("An", 6 + 2 * PLACE_KEPT_S), "nobody else has asked for long"


def test_what_is_not_always_in_force_says_when(library: RuleLibrary) -> None:
    rule = library.network.rules["do-low"]
    assert in_force(rule, "vi") == ""
    night = Valid.model_validate({"months": [12, 1], "hours": {"from": "22:00", "to": "06:00"}, "tide": ["rising"]})
    assert in_force(rule.model_copy(update={"valid": night}), "vi") == "tháng 12, 1; 22:00 – 06:00; triều lên"


@pytest.mark.parametrize(
    ("ms", "words"), [(0, "0 giây"), (90_000, "90 giây"), (600_000, "10 phút"), (90_000_000, "25 giờ"), (250, "250 ms")]
)
def test_a_delay_is_written_as_people_say_it(ms: int, words: str) -> None:
    assert delay_words(ms, "vi") == words


@pytest.mark.parametrize(
    ("minutes", "words"), [(0.5, "30 s"), (34, "34 min"), (89.9, "90 min"), (150, "2 h"), (2900, "2 days")]
)
def test_how_long_an_alarm_stood_is_rounded(minutes: float, words: str) -> None:
    assert lasted(minutes, "en") == words


def test_messages_are_those_that_a_telephone_gets_with_their_cost(library: RuleLibrary) -> None:
    (rule,) = library.at("do-low", frozenset({"st-my-thanh"}))
    found = list(messages(rule, library))
    assert [(one.purpose, one.severity, one.language) for one in found] == [
        (purpose, severity, language)
        for purpose, severity in (
            ("raised", "critical"),
            ("raised", "high"),
            ("raised", "low"),
            ("cleared", "critical"),
        )
        for language in ("vi", "en")
    ]
    act = found[2]
    assert act.text.startswith("Oxy, Song My Thanh (cua): 2,70 mg/l, duoi 3, dang giam. Chay het quat"), act.text
    assert (act.segments, act.units, act.most) == (1, len(act.text), 160)
    long = rule.texts.sms
    assert long is not None
    wordy = replace(rule, texts=replace(rule.texts, sms=replace(long, vi="{station} " + "a" * 200)))
    assert next(messages(wordy, library)).segments == 2
    for name, own in library.watched.items():
        for one in own:
            assert all(message.text for message in messages(one, library)), name


def test_the_form_has_what_the_file_says_and_every_key_of_it_may_be_proposed(library: RuleLibrary) -> None:
    rivers, canals = trial_groups(library, "do-low", "vi")
    assert "st-my-thanh" in rivers.stations
    assert canals.stations == ["st-vinh-chau"]
    fields = {field.key: (field.amount, field.unit, field.is_inherited) for field in canals.levels[0].fields}
    assert fields == {
        "instead.0.below.danger.limit": ("1", "mg/l", False),
        "instead.0.below.danger.clear": ("1.3", "mg/l", False),
        "instead.0.below.danger.on_delay": ("5", "m", True),
        "instead.0.below.danger.off_delay": ("2", "h", True),
    }
    for name in library.watched:
        levels = [level for group in trial_groups(library, name, "en") for level in group.levels]
        edits = [
            RuleEdit.parse(f"{name}.{field.key}={field.amount}{field.unit if field.is_delay else ''}")
            for level in levels
            for field in level.fields
        ]
        assert edits or not library.watched[name], name
        proposal = propose_rules(library.network, edits)
        same = RuleLibrary.of(
            replace(library.network, rules={**library.network.rules, **proposal.changed.rules}), TODAY
        )
        assert [*map(_figures, same.watched[name])] == [*map(_figures, library.watched[name])], name


def _figures(rule: ChannelRule) -> list[Level]:
    """Return the levels as the form shows them: by today's figure of a limit that they name."""
    return [replace(level, first=None, last=None, follows=False) for level in levels_on(rule.levels, TODAY)]


def test_a_tiny_limit_is_written_without_an_exponent(library: RuleLibrary) -> None:
    proposal = propose_rules(library.network, [RuleEdit.parse("do-low.below.danger.limit=0.00005")])
    tiny = RuleLibrary.of(replace(library.network, rules={**library.network.rules, **proposal.changed.rules}), TODAY)
    amounts = [
        field.amount for group in trial_groups(tiny, "do-low", "vi") for one in group.levels for field in one.fields
    ]
    assert "0.00005" in amounts


async def heard(work: Callable[[Callable[[float], None]], object], longest_s: float = 60.0) -> list[tuple[str, Any]]:
    def words(error: QuantracError | psycopg.OperationalError) -> str:
        return f"because {error}"

    events = [event.decode() async for event in told_stepwise(work, words, longest_s)]
    return [(kind.removeprefix("event: "), json.loads(data[6:])) for kind, data, *_ in (e.split("\n") for e in events)]


async def test_a_long_work_tells_how_far_it_is_and_what_came_of_it() -> None:
    def work(progress: Callable[[float], None]) -> object:
        for share in (0.5, 0.5):
            progress(share)
        return {"found": "ấy"}

    assert await heard(work) == [("progress", 0.0), ("progress", 0.5), ("done", {"found": "ấy"})]


async def test_a_long_work_ends_at_its_limit_with_a_reason_and_a_mistake_ends_the_stream() -> None:
    def slow(progress: Callable[[float], None]) -> object:
        progress(0.25)
        raise AssertionError("it goes on")

    def away(progress: Callable[[float], None]) -> object:
        progress(1.0)
        raise psycopg.OperationalError("gone")

    def wrong(_: Callable[[float], None]) -> object:
        raise ZeroDivisionError

    ((_, none), (kind, why)) = await heard(slow, longest_s=0.0)
    assert (none, kind) == (0.0, "refused")
    assert why.startswith("because stopped after 0 s at 25 %")
    assert await heard(away, longest_s=0.0) == [("progress", 0.0), ("progress", 1.0), ("refused", "because gone")]
    assert await heard(wrong) == [("progress", 0.0)]


async def test_a_long_work_ends_when_its_page_goes_away() -> None:
    began, ended, go_on = threading.Event(), threading.Event(), threading.Event()

    def work(progress: Callable[[float], None]) -> object:
        try:
            progress(0.1)
            began.set()
            assert go_on.wait(60)
            progress(0.2)
            raise AssertionError("it goes on")
        finally:
            ended.set()

    stream = cast(AsyncGenerator[bytes, None], told_stepwise(work, str))
    assert await anext(stream)
    assert await anext(stream)
    assert began.wait(60)
    await stream.aclose()
    go_on.set()
    assert await asyncio.to_thread(ended.wait, 60)
