"""The pages of configuration files over HTTP: who may, what is said of a text, two persons, applying, sending."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import httpx
import pytest

from dashboards.console.app import create_app
from dashboards.console.check_turn import MOST_OF_ONE, MOST_WAITING, ChecksBusy, CheckTurn
from dashboards.console.context import AdmissionRules, Console, StationPush
from dashboards.console.hub import Hub
from dashboards.console.pushes import push_words
from quantrac.config.config_folder import ConfigFolder, digest_of
from quantrac.config.loader import load_network
from quantrac.config.stations import Station
from quantrac.database import audit
from quantrac.database.pool import Connect, Connection, open_pool
from quantrac.desks import commands, config_files
from quantrac.desks.network import apply_network
from quantrac.desks.roles import Role, RoleGrant
from quantrac.telemetry.commands import BadKeyFile
from tests.fixtures.console import LIMITS, session_of, with_session
from tests.fixtures.timing import eventually

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
GOOD = Path(__file__).parents[2] / "unit" / "config" / "good"
PAGE, API = "/configuration/stations/st-a.yaml", "/api/files/stations/st-a.yaml"
EXPECT, OTHER = "expect: [0.2, 14]", "expect: [0.5, 14]"


class Blind:
    """A watcher that is asked for nothing but the zone."""

    zone = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def folder(tmp_path: Path, conn: Connection) -> ConfigFolder:
    """A network of two stations, applied."""
    root = Path(shutil.copytree(GOOD, tmp_path / "net"))
    apply_network(conn, load_network(root), "test", NOW)
    return ConfigFolder(root)


@asynccontextmanager
async def served(database: str, folder: ConfigFolder, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    with open_pool(database, "test configuration") as pool:
        rules, watcher = AdmissionRules(None, LIMITS), cast(Any, Blind())
        console = Console(pool, Hub(), watcher, lambda: NOW, rules, files=folder, **{"editable": True, **more})
        app = create_app(console, frozenset({"console"}))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://console") as http:
            yield http


def headers(conn: Connection, name: str, *stations: str, role: Role = Role.TECHNICIAN) -> dict[str, str]:
    grant = RoleGrant(role, frozenset(stations) or None)
    return {**with_session(session_of(conn, name, NOW, grant)), "Accept-Language": "vi"}


async def test_a_technician_is_told_every_mistake_and_saves_compares_and_takes_back(
    database: str, conn: Connection, folder: ConfigFolder
) -> None:
    an = headers(conn, "Trần <b>An</b>")
    path = folder.path(folder.file("stations/st-a.yaml"))
    old = path.read_text("utf-8")
    async with served(database, folder) as http:

        async def post(act: str, expected: int = 200, **body: Any) -> Any:
            answer = await http.post(f"{API}/{act}", json=body, headers=an)
            assert answer.status_code == expected, answer.text
            return answer.json()

        shown = (await http.get(PAGE, headers=an)).text
        assert '<textarea id="file-text"' in shown
        assert f'data-opened="{digest_of(old.encode())}"' in shown
        assert '<h1 class="sheet-title">Tệp của trạm <bdi>Trạm A</bdi>' in shown
        wrong = old.replace("bus: sondes", "bus: sond", 1).replace("address: 1", "adress: 1")
        found = (await post("check", text=wrong))["problems"]
        place = (one for one in found if one["key"] == "devices.sonde.bus")
        assert next(place) == {
            "file": "stations/st-a.yaml", "line": 13, "column": 10, "key": "devices.sonde.bus",
            "words": "đang là 'sond'; cần sondes, level; có phải là 'sondes'?",
        }  # fmt: skip
        assert {one["line"] for one in found} >= {13, 14}
        assert (await post("check", text=old))["problems"] == []
        future = re.sub("in_service: .*", "in_service: 2099-01-01", old)
        warned = next(one for one in (await post("check", text=future))["cautions"] if "2099" in one)
        assert warned.endswith("2099-01-01 còn ở tương lai; đến ngày đó trạm mới gửi số liệu")
        assert (await post("save", 422, text=wrong, opened=digest_of(old.encode()), reason="vì sao"))[
            "problems"
        ] == found
        new = old.replace(EXPECT, OTHER)
        compared = await post("compare", text=new)
        assert [(mark, words.strip()) for mark, _, words in compared["lines"] if mark in "+-"] == [
            ("-", f"do: {{{EXPECT}}}"), ("+", f"do: {{{OTHER}}}"),
        ]  # fmt: skip
        assert [(one["station"], one["outcome"], one["channels"]) for one in compared["stations"]] == [
            ("st-a", "thay đổi", ["~ do"])
        ]
        assert (await post("compare", text=wrong))["stations"] is None
        saved = await post("save", text=new, opened=digest_of(old.encode()), reason="đầu đo mới")
        assert saved == {"change": 1, "opened": digest_of(new.encode())}
        assert path.read_text("utf-8") == new
        told = await post("save", 409, text=old + "#\n", opened=digest_of(old.encode()), reason="vì sao")
        assert told["error"].startswith("stations/st-a.yaml đã được Trần <b>An</b> sửa lúc 10:00:00 24/11/2026")
        now = (await http.get(API, headers=an)).json()
        assert (now["text"], now["opened"], now["wrote"]["person"]) == (new, saved["opened"], "Trần <b>An</b>")
        shown = (await http.get(PAGE, headers=an)).text
        assert "Trần &lt;b&gt;An&lt;/b&gt;" in shown
        assert "đầu đo mới" in shown
        assert await post("changes/1/take-back", reason="nhầm") == {"change": 2}
        assert path.read_text("utf-8") == old
        await post("changes/1/take-back", 422, reason="nhầm")
        await post("changes/99/take-back", 422, reason="nhầm")
        other = await http.post("/api/files/network.yaml/changes/1/take-back", json={"reason": "nhầm"}, headers=an)
        assert other.status_code == 422, "a change belongs to its file"
        for body in (
            {"text": new},
            {"text": new, "opened": "x", "reason": "vì"},
            {"text": new, "opened": "", "reason": ""},
        ):
            assert (await http.post(f"{API}/save", json=body, headers=an)).status_code == 422
        path.unlink()
        assert (
            "đã bị xóa" in (await post("save", 409, text=new, opened=digest_of(old.encode()), reason="vì sao"))["error"]
        )
        gone = await http.get(PAGE, headers=an)
        assert 'id="file-restore"' in gone.text
        assert (await post("save", text=old, opened="", reason="làm lại"))["change"] == 3
    ways = conn.execute("select action, way, role from audit where subject = 'file stations/st-a.yaml' order by 1, 2")
    assert ways.fetchall() == [("edit", "console", "technician")] * 2 + [("take back", "console", "technician")]


async def test_a_station_s_technician_reaches_its_files_and_no_name_leads_elsewhere(
    database: str, conn: Connection, folder: ConfigFolder
) -> None:
    own, all_of_it = headers(conn, "An", "st-a"), headers(conn, "Bình")
    chief = headers(conn, "Dũng", role=Role.ADMINISTRATOR)
    network = folder.path(folder.file("network.yaml"))
    network.write_text(
        network.read_text("utf-8") + 'contacts: {a: {name: A, phone: "+84912345678", groups: [farmers]}}\n'
    )
    operator = headers(conn, "Chi", role=Role.OPERATOR)
    body = {"text": "x: 1\n", "opened": "", "reason": "vì sao"}
    async with served(database, folder) as http:

        async def status(path: str, by: Mapping[str, str], post: bool = False) -> int:
            answer = await (http.post(path, json=body, headers=by) if post else http.get(path, headers=by))
            return answer.status_code

        listed = (await http.get("/configuration", headers=own)).text.partition('id="texts"')[0]
        assert ("stations/st-a.yaml" in listed, "stations/st-b.yaml" in listed) == (True, False)
        assert "rules/oxygen.yaml" in listed
        for path, expected in (
            (PAGE, 200), ("/configuration/rules/oxygen.yaml", 200), ("/configuration/stations/st-b.yaml", 403),
            ("/api/files/stations/st-b.yaml", 403), ("/configuration/stations/nothing.yaml", 403),
            ("/configuration/rules/nothing.yaml", 404), ("/configuration/schemas/x.yaml", 404),
            ("/configuration/..%2f..%2fetc/passwd", 404), ("/api/files/stations/..%2f..%2fx.yaml", 404),
        ):  # fmt: skip
            assert (path, await status(path, own)) == (path, expected)
        assert await status(f"{API}/save", own, post=True) == 409
        for path in ("/api/files/rules/oxygen.yaml/save", "/api/files/stations/st-b.yaml/save",
                     "/api/files/stations/st-b.yaml/check", "/api/files/network.yaml/compare",
                     "/api/configuration/apply", "/api/stations/st-b/push",
                     "/api/files/demo/stations/st-b.yaml/save"):  # fmt: skip
            assert (path, await status(path, own, post=True)) == (path, 403)
        new = {"like": "st-a", "vi": "Cống C", "en": "Gate C", "latitude": 9.4, "longitude": 106.1, "commune": "xã C"}
        for by, station, like, expected in (
            (own, "st-c", "st-a", 403), (all_of_it, "st-b", "st-a", 422), (all_of_it, "st-c", "st-x", 422),
            (all_of_it, "st-c", "st-a", 200),
        ):  # fmt: skip
            begun = await http.post(f"/api/stations/{station}/begin", json={**new, "like": like}, headers=by)
            assert (station, like, begun.status_code) == (station, like, expected)
            assert ("station: st-c\n" in begun.json().get("text", "")) == (expected == 200)
        for name in ("..%2fnetwork.yaml", "demo/network.yaml", "stations/.st-a.yaml", "stations/..%2fnetwork.yaml"):
            assert (name, await status(f"/api/files/{name}/save", all_of_it, post=True)) == (name, 404)
        for path in ("/configuration", PAGE, API, "/api/configuration"):
            assert await status(path, operator) == 403
        assert await status(f"{API}/save", {}, post=True) == 401
        for by, is_shown in ((all_of_it, False), (chief, True)):
            for path in ("/configuration/network.yaml", "/api/files/network.yaml"):
                assert ("+84912345678" in (await http.get(path, headers=by)).text) == is_shown
            found = await http.post("/api/files/network.yaml/compare", json={"text": "x: 1\n"}, headers=by)
            assert ("+84912345678" in found.text) == is_shown
        large = await http.post(f"{API}/check", json={"text": "#" * 60_000}, headers=own)
        assert large.status_code == 422
    async with served(database, folder, editable=False) as http:
        assert await status(f"{API}/save", own, post=True) == 409
        assert 'data-shut="file_shut_setting"' in (await http.get(PAGE, headers=own)).text
        assert 'data-shut="file_shut_setting"' not in (await http.get("/configuration", headers=own)).text


async def test_who_may_not_see_contacts_neither_writes_nor_is_told_of_them(
    database: str, conn: Connection, folder: ConfigFolder
) -> None:
    folder = ConfigFolder(folder.root, "demo")
    network = folder.path(folder.file("demo/network.yaml"))
    network.parent.mkdir()
    people = 'contacts: {lan: {name: Lan, phone: "+84912345678", groups: [farmers]}}\n'
    technician, chief = headers(conn, "An"), headers(conn, "Dũng", role=Role.ADMINISTRATOR)
    own = headers(conn, "Bình", "st-a")
    api = "/api/files/demo/network.yaml"
    async with served(database, folder) as http:
        for file in ("network.yaml", "demo/network.yaml"):  # of a time when such changes were kept
            row = [NOW, "An", "cũ", file, people.encode(), None, None]
            number = conn.execute(config_files.CHANGE, row).fetchall()[0][0]
            for by, is_shown in ((technician, False), (chief, True)):
                lines = await http.get(f"/api/files/{file}/changes/{number}", headers=by)
                page = await http.get(f"/configuration/{file}", headers=by)
                assert ("84912345678" in lines.text) == is_shown
                assert ("84912345678" in page.text) == (is_shown and file != "network.yaml")
        wish = {"text": people, "opened": "", "reason": "vì sao"}
        for by in (technician, chief):
            assert (await http.post(f"{api}/save", json=wish, headers=by)).status_code == 422
        assert not network.exists()
        whole = folder.path(folder.file("network.yaml"))
        old, remark = whole.read_text("utf-8"), "# contacts: Lan 0987654321\n"
        wish = {"text": old + remark, "opened": digest_of(old.encode()), "reason": "vì sao"}
        assert (await http.post("/api/files/network.yaml/save", json=wish, headers=chief)).status_code == 422
        whole.write_text(old + remark, "utf-8")
        for by, is_shown in ((technician, False), (own, False), (chief, True)):
            assert ("0987654321" in (await http.get("/configuration/network.yaml", headers=by)).text) == is_shown
        whole.write_text(old, "utf-8")
        network.write_text(people)
        assert (await http.get(api, headers=technician)).status_code == 403
        network.write_text(people.replace("+84912345678", "0912345678"))
        other = folder.path(folder.file("stations/st-b.yaml"))
        other.write_text(other.read_text("utf-8") + "speed: 3\n")
        for by, sees_people, sees_others in ((chief, True, True), (technician, False, True), (own, False, False)):
            found = (await http.get("/api/configuration", headers=by)).json()["problems"]
            assert {one["file"] for one in found} == {"demo/network.yaml", "stations/st-b.yaml"}
            assert all(one["line"] for one in found)
            for has, what in ((sees_people, "0912345678"), (sees_people, "lan"), (sees_others, "speed")):
                assert (what in json.dumps(found)) == has, (what, found)
        wish = {"text": folder.path(folder.file("stations/st-a.yaml")).read_text("utf-8"), "opened": "", "reason": "vì"}
        checked = await http.post(f"{API}/check", json={"text": wish["text"]}, headers=own)
        assert checked.json()["count"] == 2
        assert "0912345678" not in checked.text
        assert "speed" not in checked.text


async def test_settings_of_the_network_are_told_before_they_are_applied_and_after(
    database: str, conn: Connection, folder: ConfigFolder
) -> None:
    an, own = headers(conn, "An"), headers(conn, "Bình", "st-a")
    network = folder.path(folder.file("network.yaml"))
    old = network.read_text("utf-8")
    async with served(database, folder) as http:
        text = old + "retention: {readings: 730d}\nfour_eyes: true\n"
        compared = await http.post("/api/files/network.yaml/compare", json={"text": text}, headers=an)
        network.write_text(text)
        found = (await http.get("/api/configuration", headers=an)).json()
        expected = [
            {"name": "retention.readings", "before": "không đặt", "after": "730d"},
            {"name": "four_eyes", "before": "false", "after": "true"},
        ]
        assert compared.json()["settings"] == found["settings"] == expected
        assert found["of_all"] is True
        assert (await http.get("/api/configuration", headers=own)).json()["of_all"] is False
        wish = {"seen": found["seen"], "reason": "luật mới"}
        done = await http.post("/api/configuration/apply", json=wish, headers=an)
        assert done.json() == {"stations": 0, "settings": 2}
        assert (await http.get("/api/configuration", headers=an)).json()["settings"] == []
    acts = conn.execute("select person, reason from audit where detail ? 'retention.readings'").fetchall()
    assert acts == [("An", "luật mới")]


def test_only_a_few_wait_for_a_check_so_that_the_pages_keep_their_threads() -> None:
    turn = CheckTurn()
    refused, served_ones = [], []

    def check(account: str) -> None:
        try:
            with turn.of(account):
                served_ones.append(account)
        except ChecksBusy:
            refused.append(account)

    threads = [threading.Thread(target=check, args=["an"]) for _ in range(MOST_OF_ONE + 1)]
    others = [threading.Thread(target=check, args=[name]) for name in ("bình", "chi", "dũng")]
    with turn.of("an"):
        for thread in threads:
            thread.start()
        eventually(lambda: refused == ["an"])
        for thread in others:
            thread.start()
        eventually(lambda: len(refused) == 2)
    for thread in threads + others:
        thread.join(60)
    assert (served_ones.count("an"), len(served_ones)) == (MOST_OF_ONE, MOST_WAITING)


async def test_files_are_applied_as_they_were_seen_and_sent_to_the_station(
    database: str, conn: Connection, folder: ConfigFolder
) -> None:
    an, path = headers(conn, "An"), folder.path(folder.file("stations/st-a.yaml"))
    begins, heard, answers = threading.Event(), threading.Event(), threading.Event()
    outcome: dict[str, Any] = {"ok": True, "outcome": "rolled back", "why": "do is missing", "changes": {}}

    class Line:
        """A station that answers when the test lets it."""

        def ask(self, _station: str, command_id: str, *_: object) -> bytes:
            heard.set()
            answers.wait(60)
            return json.dumps({"id": command_id, **outcome}).encode()

    def push(connect: Connect, station: Station, *, person: str, reason: str) -> Mapping[str, Any]:
        begins.wait(60)
        line: Any = Line()
        line.key = b"k" * 32
        return commands.push(connect, line, station, person=person, reason=reason, clock=lambda: NOW, within_s=60)

    refusals = [BadKeyFile("{file}: the keys cannot be read ({error})", file="keys", error="gone")]

    def link(_: str) -> StationPush:
        if refusals:
            raise refusals.pop()
        return push

    async with served(database, folder, push=link) as http:

        async def ask(path: str, body: Any = None, expected: int = 200) -> Any:
            answer = await (http.get(path, headers=an) if body is None else http.post(path, json=body, headers=an))
            assert answer.status_code == expected, answer.text
            return answer.json()

        first = await ask("/api/configuration")
        assert (first["problems"], [one for one in first["stations"] if one["changes"]]) == ([], [])
        path.write_text(path.read_text("utf-8").replace(EXPECT, OTHER))
        refused = await ask("/api/stations/st-a/push", {"reason": "đầu đo mới"}, 409)
        assert "áp dụng cho trung tâm trước" in refused["error"]
        refused = await ask("/api/configuration/apply", {"seen": first["seen"], "reason": "đầu đo mới"}, 409)
        assert "đã thay đổi sau khi bạn xem" in refused["error"]
        found = await ask("/api/configuration")
        assert [(one["station"], one["channels"]) for one in found["stations"] if one["changes"]] == [
            ("st-a", ["~ do"])
        ]
        wish = {"seen": found["seen"], "reason": "đầu đo mới"}
        assert await ask("/api/configuration/apply", wish) == {"stations": 1, "settings": 0}
        assert await ask("/api/configuration/apply", wish) == {"stations": 0, "settings": 0}

        refused = await ask("/api/stations/st-a/push", {"reason": "đầu đo mới"}, 409)
        assert "không đọc được tệp khóa" in refused["error"]
        since = (await ask("/api/stations/st-a/push", {"reason": "đầu đo mới"}))["since"]
        state = await ask(f"/api/stations/st-a/push?since={since.replace('+', '%2B')}")
        assert (state["waiting"], state["words"]) == (True, "Đang gửi…"), "nothing is on record yet"
        again = await ask("/api/stations/st-a/push", {"reason": "lần nữa"}, 409)
        assert again["error"].startswith("An đã gửi cấu hình cho trạm st-a lúc ")
        begins.set()
        assert heard.wait(60)
        state = await ask("/api/stations/st-a/push")
        assert (state["waiting"], state["words"][:24]) == (True, "Trạm đang thử cấu hình m")
        again = await ask("/api/stations/st-a/push", {"reason": "lần nữa"}, 409)
        assert again["error"].startswith("An đã gửi cấu hình cho trạm st-a lúc ")
        pushing = next(one for one in threading.enumerate() if one.name == "push st-a")
        answers.set()
        pushing.join(60)
        state = await ask("/api/stations/st-a/push")
        assert state == {
            "waiting": False, "in_force": False, "words": "Trạm đã quay về cấu hình cũ; vì do is missing",
        }  # fmt: skip
        state = await ask(f"/api/stations/st-a/push?since={since.replace('2026', '2099').replace('+', '%2B')}")
        assert (state["waiting"], state["words"][:14]) == (False, "Chưa gửi được,"), (
            "what was pushed earlier is no answer"
        )
        assert "st-b" not in (await ask("/api/stations/st-none/push", {"reason": "x1"}, 404))["error"]
        path.write_text("station: [")
        assert (await ask("/api/configuration"))["problems"][0]["file"] == "stations/st-a.yaml"
        assert (await ask("/api/stations/st-a/push", {"reason": "x1"}, 422))["problems"]
        assert (await ask("/api/configuration/apply", wish, 422))["problems"]
    done = conn.execute(
        "select person, action, reason, way from audit where subject = 'station st-a' order by audit_id"
    )
    assert done.fetchall()[-3:] == [
        ("An", "apply", "đầu đo mới", "console"), ("An", "command", "đầu đo mới", "console"),
        ("An", "command outcome", None, "console"),
    ]  # fmt: skip
    assert audit.account() is None


def test_an_agent_s_answer_to_a_push_is_told_in_words() -> None:
    assert push_words({"ok": True, "outcome": "confirmed", "changes": {}}, "en") == (
        "The station has taken it and runs well"
    )
    restart = {"ok": True, "outcome": "restart needed", "changes": {"at_next_start": ["spool", "clock"]}}
    assert push_words(restart, "en").endswith("at the next start: spool, clock")
    assert push_words({"ok": False, "error": "older"}, "vi") == "Không làm được: older"
    unheard = {
        "ok": False, "error": "st-a has not answered within 480 s; if …",
        "sentence": "{station} has not answered within {wait_s} s; if it comes back within {expires_s} s of the "
                    "order it still carries it out, and its events say so",
        "values": {"station": "st-a", "wait_s": "480", "expires_s": 60},
    }  # fmt: skip
    assert push_words(unheard, "vi").startswith("Không làm được: sau 480 giây trạm st-a vẫn chưa trả lời")
    own = "st-a has not answered within 480 s; if …"
    assert push_words(unheard, "en") == f"Failed: {own}"
    assert push_words({**unheard, "values": {}}, "vi") == f"Không làm được: {own}", "a station may answer anything"
    for odd in ({"ok": True}, {"ok": True, "outcome": [1], "changes": 7, "why": {}}, {}):
        assert isinstance(push_words(odd, "vi"), str)
