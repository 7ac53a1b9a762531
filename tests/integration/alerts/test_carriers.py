"""What every carrier by HTTP keeps of `Notifier`, against a server that answers as the provider's documents say."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec
from urllib.parse import parse_qs

import pytest

from alerts.channels.apprise_address import AppriseNotifier
from alerts.channels.sms_esms import EsmsNotifier
from alerts.channels.sms_speedsms import SpeedSmsNotifier
from alerts.channels.webhook import WebhookNotifier
from alerts.channels.zalo_zns import ZaloTokens, ZnsNotifier
from alerts.telling.notifier import (
    Gone,
    NeedsPerson,
    NotCarried,
    Notifier,
    OutcomeUnknown,
    Outgoing,
    TryAgain,
    UndeliverableError,
)
from alerts.telling.part_journal import PartJournal
from quantrac.config.notifications import MessageTemplate, Placeholder
from tests.fixtures.timing import ended

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
FACTS = {
    "purpose": "raised",
    "language": "vi",
    "alarm_id": 17,
    "value": 2.4,
    "words": {"station": "Sông Mỹ Thanh, cầu số hai", "value": "2,40", "unit": "mg/L", "response": ""},
}
SMS = Outgoing("k" * 32, "+84912345678", "CANH BAO: oxy 2,40", facts=FACTS)
FRAME = {
    "raised": MessageTemplate(
        id="312345",
        text="CANH BAO {tram}: oxy {gia_tri}",
        placeholders={"tram": Placeholder(of="station", most=13), "gia_tri": Placeholder(of="value")},
    )
}


@dataclass
class Server:
    """Answers each request with the next of `answers`, status and body; None: it hangs up with the request read."""

    answers: list[tuple[int, Any] | None] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    @property
    def last(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.asked[-1][2])
        return found


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.asked.append((self.path, dict(self.headers), body))
            answer = found.answers.pop(0)
            if answer is None:
                self.close_connection = True
                self.connection.close()
                return
            status, words = answer
            written = words.encode() if isinstance(words, str) else json.dumps(words).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=[0.02])
    thread.start()
    found.url = f"http://127.0.0.1:{listening.server_address[1]}"
    yield found
    listening.shutdown()
    ended(thread)
    listening.server_close()


Make = Callable[[str, Path], Notifier]


def esms(url: str, _: Path) -> Notifier:
    return EsmsNotifier(key="k", secret="s", brandname="QUANTRAC", base_url=url)


def speedsms(url: str, _: Path) -> Notifier:
    nothing_begun = create_autospec(PartJournal, instance=True)
    nothing_begun.states.return_value = {}
    return SpeedSmsNotifier(token="t", sender="", journal=nothing_begun, base_url=url)


def zns(url: str, folder: Path) -> Notifier:
    file = folder / "zalo.json"
    kept = {"app_id": "1", "secret_key": "s", "refresh_token": "r1", "access_token": "a1"}
    file.write_text(json.dumps(kept), "utf-8")
    return ZnsNotifier(ZaloTokens(file, url), {"zns": FRAME}, url)


def webhook(_: str, __: Path) -> Notifier:
    return WebhookNotifier("geheim", lambda: NOW)


CARRIERS: dict[Make, tuple[Any, str | None]] = {
    esms: ({"CodeResult": "100", "SMSID": "s-1"}, "s-1"),
    speedsms: ({"status": "success", "code": "00", "data": {"tranId": 77}}, "77"),
    zns: ({"error": 0, "message": "Success", "data": {"msg_id": "m-1"}}, "m-1"),
    webhook: ("", None),
}
REFUSALS: dict[Make, dict[type[UndeliverableError], tuple[int, Any]]] = {
    esms: {NeedsPerson: (200, {"CodeResult": "103"}), Gone: (200, {"CodeResult": "108"})},
    speedsms: {
        NeedsPerson: (200, {"status": "error", "code": "300", "message": "no balance"}),
        Gone: (200, {"status": "success", "code": "00", "data": {"tranId": 1, "invalidPhone": ["84912345678"]}}),
    },
    zns: {
        NeedsPerson: (200, {"error": -115, "message": "Out of quota"}),
        Gone: (200, {"error": -118, "message": "Zalo account not existed"}),
    },
    webhook: {NeedsPerson: (401, ""), Gone: (410, "")},
}


def sent_to(make: Make, server: Server, folder: Path) -> str | None:
    with closing(make(server.url, folder)) as carrier:
        return carrier.send(replace(SMS, to=f"{server.url}/hook") if make is webhook else SMS)


@pytest.mark.parametrize("make", CARRIERS)
class TestEveryCarrier:
    def test_what_was_taken_returns_the_providers_reference(self, make: Make, server: Server, tmp_path: Path) -> None:
        words, reference = CARRIERS[make]
        server.answers = [(200, words)]
        assert sent_to(make, server, tmp_path) == reference
        assert len(server.asked) == 1

    def test_one_that_is_busy_is_asked_again_later(self, make: Make, server: Server, tmp_path: Path) -> None:
        server.answers = [(429, "slow down")]
        with pytest.raises(TryAgain) as found:
            sent_to(make, server, tmp_path)
        assert not found.value.may_have_arrived

    def test_one_that_cannot_be_reached_has_nothing(
        self, make: Make, free_port: Callable[[], int], tmp_path: Path
    ) -> None:
        with pytest.raises(TryAgain) as found:
            sent_to(make, Server(url=f"http://127.0.0.1:{free_port()}"), tmp_path)
        assert not found.value.may_have_arrived

    def test_one_that_hangs_up_with_the_request_may_have_it(self, make: Make, server: Server, tmp_path: Path) -> None:
        server.answers = [None]
        with pytest.raises((TryAgain, OutcomeUnknown)) as found:
            sent_to(make, server, tmp_path)
        assert isinstance(found.value, OutcomeUnknown) or getattr(found.value, "may_have_arrived", False)

    @pytest.mark.parametrize("kind", [NeedsPerson, Gone])
    def test_account_and_template_need_a_person_and_an_address_may_take_nothing(
        self, make: Make, server: Server, tmp_path: Path, kind: type[UndeliverableError]
    ) -> None:
        server.answers = [REFUSALS[make][kind]]
        with pytest.raises(kind):
            sent_to(make, server, tmp_path)


class TestWebhook:
    def test_the_receiver_can_check_who_said_it_and_that_it_came_before(self, server: Server, tmp_path: Path) -> None:
        server.answers = [(204, "")]
        sent_to(webhook, server, tmp_path)
        path, headers, body = server.asked[0]
        t, v1 = (part.partition("=")[2] for part in headers["Quantrac-Signature"].split(","))
        assert (path, int(t)) == ("/hook", NOW.timestamp())
        assert v1 == hmac.new(b"geheim", f"{t}.".encode() + body, hashlib.sha256).hexdigest()
        assert headers["Idempotency-Key"] == SMS.key == server.last["id"]
        assert (server.last["alarm_id"], server.last["value"], server.last["text"]) == (17, 2.4, SMS.body)

    def test_a_redirect_is_not_followed(self, server: Server, tmp_path: Path) -> None:
        server.answers = [(302, "")]
        with pytest.raises(NeedsPerson, match="302"):
            sent_to(webhook, server, tmp_path)


class TestZalo:
    def test_placeholders_are_filled_and_cut_to_what_was_registered(self, server: Server, tmp_path: Path) -> None:
        server.answers = [(200, CARRIERS[zns][0])]
        sent_to(zns, server, tmp_path)
        assert server.last == {
            "phone": "84912345678",
            "template_id": "312345",
            "template_data": {"tram": "Sông Mỹ Thanh", "gia_tri": "2,40"},
            "tracking_id": SMS.key,
        }
        assert server.asked[0][1]["access_token"] == "a1"

    def test_a_token_that_ran_out_is_renewed_once_and_the_new_pair_kept(self, server: Server, tmp_path: Path) -> None:
        renewed = {"access_token": "a2", "refresh_token": "r2", "expires_in": "90000"}
        server.answers = [
            (200, {"error": -124, "message": "Access token invalid"}),
            (200, renewed),
            (200, CARRIERS[zns][0]),
        ]
        assert sent_to(zns, server, tmp_path) == "m-1"
        assert parse_qs(server.asked[1][2].decode())["refresh_token"] == ["r1"]
        assert server.asked[2][1]["access_token"] == "a2"
        kept = json.loads((tmp_path / "zalo.json").read_text())
        assert (kept["access_token"], kept["refresh_token"], kept["app_id"]) == ("a2", "r2", "1")
        assert (tmp_path / "zalo.json").stat().st_mode & 0o077 == 0

    def test_a_refresh_token_that_is_refused_needs_a_person(self, server: Server, tmp_path: Path) -> None:
        server.answers = [(200, {"error": -124}), (200, {"error": -14014, "error_name": "Invalid refresh token"})]
        with pytest.raises(NeedsPerson, match="log in at Zalo again"):
            sent_to(zns, server, tmp_path)
        assert json.loads((tmp_path / "zalo.json").read_text())["refresh_token"] == "r1"

    def test_a_lost_answer_about_a_token_lets_the_next_carrier_try(self, server: Server, tmp_path: Path) -> None:
        server.answers = [(200, {"error": -124}), None]
        with pytest.raises(TryAgain) as lost:
            sent_to(zns, server, tmp_path)
        assert not lost.value.may_have_arrived

    def test_a_message_without_registered_template_is_not_sent(self, server: Server, tmp_path: Path) -> None:
        summary = Outgoing("k", SMS.to, "3 canh bao", facts={"purpose": "summary", "language": "vi"})
        with pytest.raises(NotCarried):
            zns(server.url, tmp_path).send(summary)
        assert server.asked == []


def test_a_registered_text_takes_the_place_of_ours(server: Server) -> None:
    server.answers = [(200, CARRIERS[esms][0])]
    EsmsNotifier(key="k", secret="s", brandname="Q", templates={"esms": FRAME}, base_url=server.url).send(SMS)
    assert server.last["Content"] == "CANH BAO Song My Thanh: oxy 2,40"


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of its own parts
class TestApprise:
    def test_an_address_of_any_service_is_told(self, server: Server) -> None:
        server.answers = [(200, "")]
        address = server.url.replace("http://", "json://")
        AppriseNotifier().send(Outgoing("k", address, "Oxy thấp\n", subject="Cảnh báo"))
        assert (server.last["title"], server.last["message"].strip()) == ("Cảnh báo", "Oxy thấp")

    def test_a_service_that_fails_is_tried_again(self, server: Server) -> None:
        server.answers = [(500, "")] * 9
        with pytest.raises(TryAgain):
            AppriseNotifier().send(Outgoing("k", server.url.replace("http://", "json://"), "x"))

    def test_what_is_no_address_is_said_without_its_secret(self) -> None:
        with pytest.raises(Gone) as found:
            AppriseNotifier().send(Outgoing("k", "nosuch://token-abc", "x"))
        assert "token-abc" not in str(found.value)
