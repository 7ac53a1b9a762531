"""What a supervisor and Prometheus learn from a service."""

import contextlib
import socket
import threading
import urllib.error
import urllib.request

import pytest

from quantrac.observe import health, metrics
from tests.fixtures.timing import eventually


def fetch(server: health.HealthServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=180) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def test_a_service_that_is_not_ready_says_why_and_is_still_healthy_and_measured() -> None:
    with health.serve("127.0.0.1:0", ready=lambda: "no broker since 12 s") as server:
        assert fetch(server, "/readyz") == (503, "no broker since 12 s\n")
        assert fetch(server, "/healthz") == (200, "ok\n")
        assert fetch(server, "/other")[0] == 404
        assert "process_cpu_seconds_total" in fetch(server, "/metrics")[1]


def test_connections_that_never_ask_take_neither_threads_nor_the_place_of_those_that_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health._Handler, "timeout", 600)
    before = threading.active_count()
    with health.serve("127.0.0.1:0") as server, contextlib.ExitStack() as silent:
        for _ in range(3 * health.MOST_CONNECTIONS):
            silent.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
        assert fetch(server, "/healthz") == (200, "ok\n")
        eventually(lambda: threading.active_count() - before <= health.MOST_CONNECTIONS + 1)


def test_readiness_is_asked_anew_each_time() -> None:
    answers = iter([False, True])
    with health.serve("127.0.0.1:0", ready=lambda: next(answers)) as server:
        assert [fetch(server, "/readyz")[0] for _ in range(2)] == [503, 200]


def test_an_address_in_use_is_named_with_what_to_do() -> None:
    with (
        health.serve("127.0.0.1:0") as server,
        pytest.raises(health.ListenError, match="Address already in use; choose"),
    ):
        health.serve(f"127.0.0.1:{server.port}")


@pytest.mark.parametrize("address", ["9101", ":9101", "localhost:", "localhost:99999", "localhost:http"])
def test_a_malformed_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(health.ListenError, match=r"expected host:port such as 127\.0\.0\.1:9101"):
        health.split_address(address)


def test_metric_names_keep_the_convention() -> None:
    metrics.counter("quantrac_test_messages_total", "Messages received", ["reason"]).labels("new").inc(3)
    assert b'quantrac_test_messages_total{reason="new"} 3.0' in metrics.exposition()
    with pytest.raises(ValueError, match="ends in _total"):
        metrics.counter("quantrac_ingest_messages", "Messages received")
    with pytest.raises(ValueError, match="quantrac_<service>_<what>_<unit>"):
        metrics.gauge("IngestLag", "Lag")
