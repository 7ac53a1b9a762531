"""What the status desk calls well and what not, and that each finding says what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quantrac.desks.books import LedgerRow
from quantrac.desks.overview import (
    BreachSeen,
    ConsumerSeen,
    DueCalibration,
    Gap,
    JobSeen,
    Overview,
    StandingAlarm,
    StationSeen,
    Stranger,
    UntoldAlarm,
    WorkerSeen,
)
from quantrac.desks.status import duration, findings, making

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SERVICES = ("ingest", "alerts")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def worker(service: str, beat_ago: float = 4, connected: bool = True, lag_s: float | None = 0.0) -> WorkerSeen:
    return WorkerSeen(service, "box:1", ago(3600), ago(beat_ago), connected, lag_s)


STATION = StationSeen("st-test", True, ago(20), "abc", "abc", 12, ago(5))
BOOK = LedgerRow("st-test", "9f31c2ab", 10, 8, 1, 1, 0, 12, 9, 2, 1, 0)
GAP = Gap("st-test", "9f31c2ab", 0, ago(360), 0, ago(86_400))
JOB = JobSeen("backup", ago(7200), ago(7200), ago(7100), "done", "quantrac-20261124T010000Z.dump: 12 MB")
ALARM = StandingAlarm(7, "do-low", "st-test", "st-test/do", "high", ago(600), None)
GOOD = Overview(
    NOW,
    workers=[worker("ingest"), worker("alerts", lag_s=None)],
    stations=[STATION],
    consumers=[ConsumerSeen("quality", 3, 0.5)],
    books=[BOOK],
    gaps=[Gap("st-test", "9f31c2ab", 4, ago(299), 1, ago(8 * 86_400))],
    jobs=[JOB, JobSeen("retention", ago(60), ago(60), None, "running", None)],
    alarms=[replace(ALARM, acknowledged_by="Bình")],
    unhealthy_s=300.0,
)


def found(overview: Overview) -> list[str]:
    return [f"{finding.about}: {finding.what}" for finding in findings(overview, SERVICES)]


def test_a_network_that_works_is_well_and_what_is_on_its_way_or_long_lost_does_not_change_that() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("workers", "about", "do"),
    [
        ([], "service ingest", "quantrac ingest run"),
        ([worker("ingest", beat_ago=16)], "no sign of life for 16 s", "quantrac ingest run"),
        ([worker("ingest", connected=False)], "not connected", "QUANTRAC_MQTT_URL"),
        ([worker("ingest", lag_s=61)], "waits for 61 s", "disk"),
    ],
)
def test_a_service_that_does_not_do_its_work_is_named(workers: list[WorkerSeen], about: str, do: str) -> None:
    (line,) = found(replace(GOOD, workers=[*workers, worker("alerts")]))
    assert about in line
    assert do in line


def test_a_worker_that_is_not_connected_beside_others_is_named() -> None:
    second = replace(worker("ingest", connected=False), worker="box-17")
    (line,) = found(replace(GOOD, workers=[*GOOD.workers, second]))
    assert line == "service ingest: its worker box-17 is not connected to the broker: look at its log"


def test_a_job_whose_last_run_failed_or_hangs_is_named_with_the_reason() -> None:
    failed = replace(JOB, outcome="failed", detail="no room on /backups")
    assert found(replace(GOOD, jobs=[failed])) == ["job backup: failed 2 h ago: no room on /backups"]
    assert found(replace(GOOD, jobs=[replace(failed, started_at=ago(8 * 86_400))])) == []
    hangs = replace(JOB, outcome="running", started_at=ago(7201), finished_at=None)
    assert found(replace(GOOD, jobs=[hangs])) == ["job backup: has been running for 2 h: see the log of jobs"]


def test_a_dead_worker_of_old_does_not_matter_beside_one_that_lives() -> None:
    assert found(replace(GOOD, workers=[*GOOD.workers, worker("ingest", beat_ago=9999, connected=False)])) == []


@pytest.mark.parametrize(
    ("station", "says"),
    [
        (replace(STATION, online=False), "st-test: offline, last message 20 s ago"),
        (replace(STATION, last_message_at=None, online=False), "never sent anything"),
        (replace(STATION, stale=("st-test/do", "st-test/ph")), "2 of 12 channels get no new readings: do, ph"),
        (replace(STATION, config_reported="abd"), "another configuration"),
    ],
)
def test_what_is_wrong_at_a_station_is_said(station: StationSeen, says: str) -> None:
    (line,) = found(replace(GOOD, stations=[station]))
    assert says in line


def test_changed_files_that_are_refused_are_named_also_when_somebody_looks_after_it() -> None:
    gone = "rules/oxygen.yaml: is gone"
    alarm = replace(ALARM, rule="files-refused", channel=None, acknowledged_by="Lan", refused_files=gone)
    (line,) = found(replace(GOOD, alarms=[alarm]))
    assert line.startswith(f"files: changed files are refused, what was in force before stays: {gone}: ")
    assert "quantrac rules confirm" in line


def test_an_alarm_that_late_data_showed_and_nobody_was_told_of_is_named() -> None:
    late = UntoldAlarm(17, "do-low", "st-test/do", "critical", ago(7200), ago(3600), "out of service then")
    (line,) = found(replace(GOOD, untold=[late]))
    assert line == (
        "alarm 17: late data show critical, do-low at st-test/do, 2 h ago; nobody was told: out of service then: "
        "quantrac alarms show 17"
    )


def test_a_station_that_has_not_reported_its_configuration_yet_is_not_blamed() -> None:
    assert found(replace(GOOD, stations=[replace(STATION, config_reported=None)])) == []


@pytest.mark.parametrize(
    ("overview", "says"),
    [
        (replace(GOOD, stations=[]), "quantrac stations apply"),
        (replace(GOOD, consumers=[ConsumerSeen("alerts", 5000, 61.0)]), "feed alerts: 5000 changes, 61 s behind"),
        (replace(GOOD, books=[replace(BOOK, stored=7)]), "do not balance"),
        (replace(GOOD, books=[replace(BOOK, received=13)]), "do not balance"),
        (replace(GOOD, gaps=[replace(GAP, missing=2)]), "2 messages are missing for 6 min"),
        (replace(GOOD, gaps=[replace(GAP, lost=3)]), "3 messages are lost for good, the last 24 h ago"),
        (replace(GOOD, alarms=[ALARM]), "do-low at st-test/do for 10 min, not acknowledged: quantrac alarms ack 7"),
        (replace(GOOD, failed_messages=1), "1 to people failed"),
        (replace(GOOD, stuck_messages=2), "2 to people wait"),
        (replace(GOOD, dead_letters=3), "quantrac deadletters list"),
        (
            replace(GOOD, strangers=[Stranger("st-new", 60, ago(3600), ago(20))]),
            "station st-new: sends and no file names it (60 messages within 60 min, the last 20 s ago)",
        ),
        (
            replace(GOOD, breaches=[BreachSeen("st-test", "flood", 60_000, 7_000_000, ago(20))]),
            "sent more than it may while others waited: 60,000 messages, 7.0 MB put off; the last 20 s ago",
        ),
        (
            replace(GOOD, breaches=[BreachSeen(None, "session_taken", 2, 0, ago(20))]),
            "the centre: another client took its session at the broker, 2 times: change its password",
        ),
        (
            replace(GOOD, breaches=[BreachSeen("st-test", "unheard", 3, 0, ago(9))]),
            "flooded, and was not heard for a while, 3 times: see to it, or change its password; the last 9 s ago",
        ),
        (replace(GOOD, breaches=[BreachSeen("st-test", "epochs", 2, 0, ago(9))]), "named more epochs than it may"),
        (replace(GOOD, breaches=[BreachSeen("st-test", "dead_letters", 2, 0, ago(9))]), "than is kept: 2 messages"),
        (
            replace(GOOD, breaches=[BreachSeen("st-test", "pictures", 2, 3_000_000, ago(9))]),
            "than it may: 2, 3.0 MB put off",
        ),
        (
            replace(GOOD, breaches=[BreachSeen("st-test", "surplus", 2, 0, ago(9))]),
            "its channels make: 2 hours of channels",
        ),
        (replace(GOOD, strangers=[Stranger("st-test", 2, ago(60), ago(20))]), "before it was configured"),
    ],
)
def test_each_other_thing_that_is_not_well_is_one_line(overview: Overview, says: str) -> None:
    (line,) = found(overview)
    assert says in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (99, "99 s"), (100, "2 min"), (5399, "90 min"), (5400, "2 h"), (172800, "2 days")],
)
def test_ages_are_in_the_unit_that_people_would_choose(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_calibration_that_is_overdue_is_a_finding_and_one_to_come_is_not() -> None:
    day = 86_400.0
    overdue = DueCalibration("st-test", "sonde", 30 * day, ago(42 * day), ago(12 * day))
    never = DueCalibration("st-test", "gauge", 365 * day, None, ago(3 * day))
    to_come = DueCalibration("st-test", "dust", 30 * day, ago(day), NOW + timedelta(days=29))
    silent = DueCalibration("st-new", "sonde", 30 * day, None, None)
    said = found(replace(GOOD, calibrations=[overdue, never, to_come, silent]))
    do = "calibrate it, and say so: quantrac visits add, or edge maint --device … --for … --cal"
    assert said == [
        f"calibration of st-test sonde: due for 12 days (every 30 days, the last 42 days ago): {do}",
        f"calibration of st-test gauge: due for 3 days (every 365 days, none on record): {do}",
    ]


def test_a_service_that_makes_everything_anew_is_well_and_says_when_it_is_done() -> None:
    """What it has still to follow is no finding; 4 of 10 minutes are over."""
    anew = replace(worker("ingest"), making_share=0.4, making_rate=52_000.4, making_until=NOW + timedelta(minutes=6))
    consumers = [ConsumerSeen("quality", 900, 240.0, making_share=0.4)]
    assert found(replace(GOOD, workers=[anew, worker("alerts")], consumers=consumers)) == []
    assert making(anew, NOW) == "recomputes everything: 40%, 52000 a second, done in 6 min"
    assert making(worker("alerts"), NOW) == ""
