"""The shipped rules: they compile, their own tests pass, they tell somebody, their messages fit one SMS."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from alerts.evaluating.evaluation import DecisionKind, RuleState, step
from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.compiler import compile_network
from alerts.rules.rule import ChannelRule, MeasureKind
from alerts.telling.contact import Addressee
from alerts.trials.rule_checks import findings, people_findings
from alerts.trials.rule_tests import Alarm, TestResult, run_rule_tests, station_of
from quantrac.config.cautions import rule_cautions
from quantrac.config.findings import ConfigErrors
from quantrac.config.loader import load_network, load_rule_texts
from quantrac.config.network import Network
from quantrac.config.rule_files import RuleTest, TestPlace
from quantrac.config.rules import Level, Selection, Side, Valid, levels_on
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity

CONFIG = Path(__file__).parents[3] / "station_configs"
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(CONFIG)


def test_every_shipped_rule_test_passes(network: Network) -> None:
    results = run_rule_tests(network)
    assert len(results) >= 5
    assert [result for result in results if not result.passed] == []


def test_every_shipped_rule_is_raised_by_some_test(network: Network) -> None:
    raised = {expected.rule for test in network.rule_tests for expected in test.expect}
    assert raised == {*network.rules, *network.composites}


@pytest.mark.parametrize("overlay", [None, "demo"])
def test_shipped_rules_have_no_findings(overlay: str | None) -> None:
    assert findings(load_network(CONFIG, overlay)) == []


def test_levels_stand_from_mild_to_severe_and_instead_replaces_the_set(network: Network) -> None:
    compiled = compile_network(network, [network.rules["do-low"]])
    river = compiled["st-my-thanh/do"][0]
    assert [(level.name, level.limit) for level in river.told_levels] == [("watch", 4.0), ("act", 3.0), ("danger", 2.0)]
    assert {level.side for level in river.levels} == {Side.BELOW}
    (canal,) = compiled["st-vinh-chau/do"][0].told_levels
    found = canal.name, canal.limit, canal.clear, canal.severity, canal.on_delay_ms
    assert found == ("danger", 1.0, 1.3, Severity.CRITICAL, 5 * 60_000)
    assert "st-dai-ngai/do" not in compiled  # no shrimp-intake there


def test_a_rule_test_that_is_wrong_says_what_was_missing_and_what_came(network: Network) -> None:
    wrong = RuleTest.model_validate(
        {
            "name": "wrong",
            "every": "1m",
            "series": {"st-my-thanh/do": "2.8x10 4.6x600"},
            "expect": [{"rule": "do-low", "level": "act", "raised": "10m", "cleared": "609m"}],
        }
    )
    (result,) = run_rule_tests(replace(network, rule_tests=(wrong,)))
    assert result == TestResult(
        "wrong",
        missing=(Alarm("do-low", "act", 600_000, 609 * 60_000),),
        unexpected=(Alarm("do-low", "act", 540_000, 609 * 60_000),),
    )
    assert str(result.unexpected[0]) == "do-low act raised 9m, cleared 609m"


def raised_by(network: Network, **trial: object) -> list[tuple[str, str]]:
    """The alarms of a trial, and their times."""
    test = RuleTest.model_validate({"name": "trial", "expect": [], **trial})
    (result,) = run_rule_tests(replace(network, rule_tests=(test,)))
    return [(alarm.rule, str(alarm).partition(" raised ")[2]) for alarm in result.unexpected]


def test_each_series_of_a_trial_may_come_at_a_rate_of_its_own(network: Network) -> None:
    slow = {"every": "5m", "values": "0.8x1 4.6x120"}
    series = {"st-my-thanh/do": "2.8x10 4.6x600", "st-vinh-chau/do": slow}
    assert raised_by(network, every="1m", series=series) == [
        ("do-low", "9m, cleared 609m"),
        ("do-low", "0s, cleared 10h"),
    ]


def test_twins_of_a_trial_make_one_alarm(network: Network) -> None:
    """Sonde and gauge both measure the temperature of the water at My Thanh."""
    series = {"st-my-thanh/water_temp": "31x6 33.4x6 31.5x30", "st-my-thanh/level_temp": "31x8 33.4x8 31.5x26"}
    alone = [raised_by(network, every="10m", series={name: own}) for name, own in series.items()]
    both = raised_by(network, every="10m", series=series)
    assert [len(found) for found in (*alone, both)] == [1, 1, 1]
    assert both[0][1].partition(",")[0] == alone[0][0][1].partition(",")[0]
    assert both[0][1].partition(",")[2] == alone[1][0][1].partition(",")[2]


def test_a_rule_that_tells_nobody_is_found(network: Network) -> None:
    deaf = replace(network, settings=network.settings.model_copy(update={"routes": ()}))
    assert {(one.rule, one.where) for one in findings(deaf)} >= {("do-low", "act"), ("do-low", "danger")}


def findings_of(network: Network, **changes: object) -> list[tuple[str, str]]:
    """Findings of `do-low` alone, changed: where and what."""
    rule = network.rules["do-low"].model_copy(update=changes)
    return [(one.where, one.what) for one in findings(replace(network, rules={"do-low": rule}, composites={}))]


def test_a_message_that_needs_two_parts_is_found(network: Network) -> None:
    sms = network.rules["do-low"].sms
    assert sms is not None
    found = findings_of(network, sms=sms.model_copy(update={"vi": "{station} " + "a" * 160}))
    assert {where for where, _ in found} == {"sms (raised, vi)", "sms (level, vi)"}


@pytest.mark.parametrize("station", [None, "st-my-thanh", "st-tp-soc-trang"])
def test_the_library_holds_with_any_stations(station: str | None, tmp_path: Path) -> None:
    """No station, or one of another name and tags: nothing is refused, tests pass, what watches nothing is said."""
    for name in ("devices", "rules", "limits", "network.yaml"):
        (tmp_path / name).symlink_to(CONFIG / name)
    (tmp_path / "stations").mkdir()
    if station is not None:
        text = (CONFIG / f"stations/{station}.yaml").read_text("utf-8").replace(station, "st-elsewhere")
        text = re.sub(r"^tags: .*", "tags: [lake]", text, flags=re.MULTILINE)
        (tmp_path / "stations/st-elsewhere.yaml").write_text(text, "utf-8")
    there = load_network(tmp_path, rules_alone=True)
    assert findings(there) == []
    results = run_rule_tests(there)
    assert len(results) > 40
    assert [result.name for result in results if not result.passed] == []
    (idle,) = [line for line in rule_cautions(there, NOW) if line.startswith("rules that watch nothing")]
    assert "do-low" in idle
    assert ("air-index" in idle) == (station != "st-tp-soc-trang")


def test_a_place_of_tests_has_parameters_that_exist(network: Network) -> None:
    text = (CONFIG / "rules/air.yaml").read_text("utf-8")
    text = text.replace("co_1h: co,", "co_1h: coo,").replace("{town/aqi_hour", "{town/aqi_our", 1)
    with pytest.raises(ConfigErrors) as refused:
        load_rule_texts({"air.yaml": text}, network)
    first, second = str(refused.value).splitlines()
    assert re.match(r"air\.yaml:\d+:\d+: places\.town\.channels\.co_1h: found 'coo', allowed one of .* 'co'", first)
    assert re.match(r"air\.yaml:\d+:\d+: tests\.0\.series\.town/aqi_our: found 'aqi_our', .* 'aqi_hour'", second)


def test_rules_name_kinds_of_places_and_no_station(network: Network) -> None:
    for name, rule in network.rules.items():
        assert not any(part.stations for part in (rule.watch, *rule.instead)), name
    for name, composite in network.composites.items():
        assert not composite.watch.stations, name


@pytest.mark.parametrize(
    ("rule", "tags", "limits"),
    [
        ("do-low", ("shrimp-intake", "white-leg-shrimp", "stage-grow-out"), [4.0, 3.0, 2.0]),
        ("do-low", ("shrimp-intake", "black-tiger-shrimp", "stage-nursery"), [4.0, 3.0]),
        ("do-low", ("shrimp-intake", "pangasius"), [2.0]),
        ("water-cold", ("shrimp-intake", "pangasius"), [25.0]),
        ("salinity-high-shrimp", ("shrimp-intake", "artemia"), [150.0]),
        ("salinity-high-shrimp", ("shrimp-intake", "black-tiger-shrimp"), [30.0]),
        ("salinity-high", ("sluice",), [1.0, 4.0]),
        ("salinity-high", ("sluice", "rice"), [4.0]),
        ("salinity-high", ("sluice", "orchard"), [1.0]),
    ],
)
def test_limits_follow_species_stage_and_crop(
    network: Network, rule: str, tags: tuple[str, ...], limits: list[float]
) -> None:
    station = network.stations["st-my-thanh"].model_copy(update={"tags": tags})
    found = compile_network(replace(network, stations={station.station: station}), [network.rules[rule]])
    assert found
    assert all([level.limit for level in one.told_levels] == limits for (one,) in found.values())


NEVER_RISE = {("salinity-high-shrimp", ("artemia",), "act")}
"""Above what the catalogue holds for plausible: docs/limits.md says so."""


def test_every_level_of_the_library_rises_and_clears_by_plausible_values(network: Network) -> None:
    """At made-up stations of each selection of each rule: the worst plausible value raises, a good one ends it."""
    never, tried, every = set(), 0, 600_000
    for name, rule in network.rules.items():
        kinds = {tags: (*rule.watch.tags, *tags) for tags in ((), *(part.tags for part in rule.instead))}
        for tags, all_tags in kinds.items():
            channels = dict.fromkeys(rule.watch.channels, rule.watch.parameter)
            place = station_of("made-up", TestPlace(tags=all_tags, channels=channels))
            there = compile_network(replace(network, stations={"made-up": place}), [rule])
            for own in {one.measure: one for many in there.values() for one in many}.values():
                if own.measure.kind not in (MeasureKind.VALUE, MeasureKind.CHANGE, MeasureKind.SWING):
                    continue
                levels = levels_on(own.told_levels, date.max)
                for level in levels:
                    alone = replace(level, first=None, last=None, follows=False)
                    one = replace(own, levels=(alone,), interval_ms=every, validity=None)
                    if not (made := _course(one, alone, every)):
                        never.add((name, tags, level.name))
                        continue
                    block = ReadingBlock.of(JudgedReading(n * every, v, 1, n * every) for n, v in enumerate(made))
                    kinds_of = [decision.kind for decision in step(one, RuleState(), block).decisions]
                    assert kinds_of == [DecisionKind.RAISED, DecisionKind.CLEARED], (name, tags, level)
                    tried += 1
    assert never == NEVER_RISE
    assert tried > 50


def _course(rule: ChannelRule, level: Level, every: int) -> list[float]:
    """Readings that are well, then bad for as long as the level asks, then well again; empty: none is bad enough."""
    low, high = CATALOGUE[rule.parameter].plausible
    bad, well = (low, high) if level.side is Side.BELOW else (high, low)
    measured = bad if rule.measure.kind is MeasureKind.VALUE else bad - well
    if not level.holds(measured):
        return []
    before = rule.measure.window_ms // every + 1
    during = (level.on_delay_ms // every) + 1
    after = (rule.measure.window_ms + level.off_delay_ms) // every + 2
    return [*[well] * before, *[bad] * during, *[well if rule.measure.window_ms == 0 else bad] * after]


def with_levels(network: Network, **changes: object) -> list[tuple[str, str]]:
    """Findings of `do-low` alone, with nothing but its danger level, changed."""
    danger = (network.rules["do-low"].below or {})["danger"].model_copy(update=changes)
    return findings_of(network, below={"danger": danger}, instead=())


def test_a_limit_that_no_reading_can_pass_is_found(network: Network) -> None:
    assert with_levels(network, limit=-5.0, clear=-4.0)[0] == ("danger", "limit -5 is outside the plausible 0 to 25")
    assert with_levels(network, limit=2.0) == []


def test_a_limit_beyond_what_the_instrument_measures_is_found(network: Network) -> None:
    station = network.stations["st-my-thanh"]
    (device,) = [device for device in station.devices.values() if "do" in device.channels]
    channel = device.channels["do"].model_copy(update={"span": (3.0, 20.0)})
    narrow = device.model_copy(update={"channels": {**device.channels, "do": channel}})
    there = station.model_copy(update={"devices": {**station.devices, device.name: narrow}})
    changed = replace(network, stations={**network.stations, "st-my-thanh": there})
    assert ("danger", "limit 2 is outside the instrument's 3 to 20") in with_levels(changed, limit=2.0)


def test_a_limit_where_good_readings_end_is_found_unless_suspect_ones_count(network: Network) -> None:
    """A mean over eight hours is as suspect as the readings of which it is made."""
    station = network.stations["st-tp-soc-trang"]
    device = station.devices["carbon"]
    channel = device.channels["co"].model_copy(update={"expect": (-200.0, 10_000.0)})
    narrow = device.model_copy(update={"channels": {**device.channels, "co": channel}})
    there = station.model_copy(update={"devices": {**station.devices, "carbon": narrow}})
    rule = network.rules["co-eight-hours"]
    found = {
        use: findings(replace(network, stations={**network.stations, there.station: there}, composites={},
                              rules={rule.name: rule.model_copy(update={"use": use})}))
        for use in ((Quality.GOOD,), (Quality.GOOD, Quality.SUSPECT))
    }  # fmt: skip
    assert [[one.what for one in each] for each in found.values()] == [
        ["limit 10000 is not within the expected -200 to 10000: use [good, suspect]"], [],
    ]  # fmt: skip


def test_a_delay_longer_than_the_hours_in_force_is_found(network: Network) -> None:
    night = Valid.model_validate({"hours": {"from": "23:30", "to": "00:30"}})
    assert findings_of(network, valid=night) == [
        ("watch", "on_delay is longer than the 60 minutes in force: never rises")
    ]


def test_a_composite_rule_is_looked_at_like_any_other(network: Network) -> None:
    composite = network.composites["warm-and-low-oxygen"]
    cold = composite.conditions["warm"].model_copy(update={"above": 900.0})
    conditions = {**composite.conditions, "warm": cold}
    changed = composite.model_copy(update={"conditions": conditions})
    found = findings(replace(network, rules={}, composites={changed.name: changed}))
    assert [(one.rule, one.where) for one in found] == [(changed.name, "condition")] * len(found)
    assert found
    nowhere = composite.model_copy(update={"watch": Selection(tags=("rice",))})
    idle, *_ = rule_cautions(replace(network, rules={}, composites={nowhere.name: nowhere}), NOW)
    assert idle == f"rules that watch nothing, for no station has such a channel: {nowhere.name}"


def test_a_level_that_no_contact_would_be_told_of_is_found(network: Network) -> None:
    farmer = Addressee(1, "farmer", "vi", "+84900000001", None, frozenset({"farmers"}), frozenset({"st-my-thanh"}))
    rules = {"do-low": network.rules["do-low"]}
    untold = {one.where for one in people_findings(replace(network, rules=rules, composites={}), [farmer])}
    assert "act at st-cu-lao-dung" in untold
    assert "act at st-my-thanh" not in untold
    assert "watch at st-my-thanh" in untold  # for operators only


def test_shipped_short_messages_say_where_before_the_value_and_the_time_last(network: Network) -> None:
    for rule in (*network.rules.values(), *network.composites.values()):
        for message in (rule.sms, rule.sms_cleared):
            for text in (message.vi, message.en) if message is not None else ():
                assert not text or text.endswith("{time}"), text
                assert "{value}" not in text or text.index("{station}") < text.index("{value}"), text
