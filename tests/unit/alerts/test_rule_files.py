"""The shipped rules: they compile, their own tests pass, they tell somebody, their messages fit one SMS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.rules.compiling import compile_rules
from alerts.rules.rule import Severity, Side
from alerts.rules.rule_checks import findings
from alerts.rules.rule_tests import Alarm, TestResult, run_rule_tests
from quantrac.config.loading import load_network
from quantrac.config.network import Network
from quantrac.config.rule_files import RuleTest

CONFIG = Path(__file__).parents[3] / "station_configs"


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(CONFIG)


def test_every_shipped_rule_test_passes(network: Network) -> None:
    results = run_rule_tests(network)
    assert len(results) >= 5
    assert [result for result in results if not result.passed] == []


@pytest.mark.parametrize("overlay", [None, "demo"])
def test_shipped_rules_have_no_findings(overlay: str | None) -> None:
    assert findings(load_network(CONFIG, overlay)) == []


def test_levels_stand_from_mild_to_severe_and_instead_replaces_the_set(network: Network) -> None:
    compiled = compile_rules([network.rules["do-low"]], network.stations.values())
    river = compiled["st-my-thanh/do"][0]
    assert [(level.name, level.side, level.limit) for level in river.levels] == [
        ("watch", Side.BELOW, 4.0),
        ("act", Side.BELOW, 3.0),
        ("danger", Side.BELOW, 2.0),
    ]
    (canal,) = compiled["st-vinh-chau/do"][0].levels
    assert (canal.name, canal.limit, canal.clear, canal.severity, canal.on_delay_ms) == (
        "danger",
        1.0,
        1.3,
        Severity.CRITICAL,
        5 * 60_000,
    )
    assert "st-dai-ngai/do" not in compiled  # no shrimp-intake there


def test_a_rule_test_that_is_wrong_says_what_was_missing_and_what_came(network: Network) -> None:
    wrong = RuleTest.model_validate(
        {
            "name": "wrong",
            "every": "1m",
            "series": {"st-my-thanh/do": "2.8x10 4.6x40"},
            "expect": [{"rule": "do-low", "level": "act", "raised": "10m", "cleared": "39m"}],
        }
    )
    (result,) = run_rule_tests(replace(network, rule_tests=(wrong,)))
    assert result == TestResult(
        "wrong",
        missing=(Alarm("do-low", "act", 600_000, 39 * 60_000),),
        unexpected=(Alarm("do-low", "act", 540_000, 39 * 60_000),),
    )
    assert str(result.unexpected[0]) == "do-low act raised 9m, cleared 39m"


def test_a_rule_that_tells_nobody_is_found(network: Network) -> None:
    deaf = replace(network, settings=network.settings.model_copy(update={"routes": ()}))
    assert {(one.rule, one.where) for one in findings(deaf)} >= {("do-low", "act"), ("do-low", "danger")}


def test_a_message_that_needs_two_parts_is_found(network: Network) -> None:
    rule = network.rules["do-low"]
    long = rule.model_copy(update={"sms": rule.sms.model_copy(update={"vi": "{station} " + "a" * 160})})
    found = findings(replace(network, rules={"do-low": long}))
    assert {one.where for one in found} == {"sms (raised, vi)", "sms (level, vi)"}


def test_a_rule_that_watches_nothing_is_found(network: Network) -> None:
    rule = network.rules["do-low"]
    nowhere = rule.model_copy(update={"watch": rule.watch.model_copy(update={"parameter": "h2s"})})
    assert [(one.rule, one.where) for one in findings(replace(network, rules={"do-low": nowhere}))] == [
        ("do-low", "watch")
    ]
