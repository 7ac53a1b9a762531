"""systemd hears that the agent is ready, and that its sweeps go on: from finished ones only."""

import socket
from pathlib import Path

from edge_agent.acquiring.symptoms import SILENT_SWEEPS, BusWatch
from edge_agent.health.watchdog import SystemdWatchdog
from edge_agent.readings.counts import ErrorRates


def test_ready_and_keep_alive_go_to_systemd_s_socket(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(1)
        watchdog = SystemdWatchdog.from_environment({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "60000000"})
        assert watchdog.interval_s == 60.0
        watchdog.ready()
        first, second = watchdog.pulse.of("bus a"), watchdog.pulse.of("bus b")
        assert not watchdog.feed()
        first()
        assert not watchdog.feed(), "one bus that hangs is enough"
        second()
        assert watchdog.feed()
        assert not watchdog.feed(), "each feed takes a new sweep of every bus"
        watchdog.stopping()
        assert [manager.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_without_systemd_nothing_is_said_and_nothing_fails() -> None:
    watchdog = SystemdWatchdog.from_environment({})
    assert watchdog.interval_s is None
    watchdog.ready()
    assert SystemdWatchdog.from_environment({"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}).interval_s is None
    SystemdWatchdog("/nowhere/at/all", None).ready()


def test_a_bus_is_opened_again_when_no_device_has_sent_a_byte_for_some_sweeps_and_then_ever_less_often() -> None:
    watch = BusWatch(["a", "b"])
    turns = [watch.note(device, heard=False) for _ in range(60) for device in ("a", "b")]
    reopened = [n // 2 + 1 for n, again in enumerate(turns) if again]
    assert reopened == [SILENT_SWEEPS, SILENT_SWEEPS * 3, SILENT_SWEEPS * 7, SILENT_SWEEPS * 15]
    watch.note("a", heard=True)
    assert [watch.note(d, heard=False) for _ in range(SILENT_SWEEPS) for d in ("a", "b")].count(True) == 1


def test_a_bus_with_one_device_that_answers_is_left_open() -> None:
    watch = BusWatch(["alive", "dead"])
    assert not any(watch.note(d, heard=d == "alive") for _ in range(100) for d in ("dead", "alive"))


def test_failed_reads_are_counted_over_the_last_hour() -> None:
    rates = ErrorRates()
    assert rates.rate("sonde", 0, 0) == 0
    assert rates.rate("sonde", 7, 1_800) == 7
    assert rates.rate("sonde", 9, 3_599) == 9
    assert rates.rate("sonde", 9, 5_400) == 2
    assert rates.rate("sonde", 9, 7_300) == 0
