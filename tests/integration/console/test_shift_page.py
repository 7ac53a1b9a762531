"""The shift book by HTTP: who reads what, who writes and signs what, the page of a shift that is over."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboards.console import shift_page
from quantrac.cli.commands.shift import app
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.desks import shift, shift_rows
from quantrac.desks.roles import MATRIX, DeskAct, Role, RoleGrant
from quantrac.desks.shift_content import ItemKind
from tests.fixtures.console import session_of, text_of, with_session
from tests.integration.console.test_admission import NOW, served

HERE, AWAY = "st-my-thanh", "st-tran-de"
LONG = "dài" * 66
PRIVATE = "số 0912345678 của ông Sáu"
ALARMS = """
with risen as (
  insert into alarm (rule, level, station, severity, state, raised_at, texts)
  select 'do-low', 'act', station, 'critical', 'unacknowledged', %(at)s,
         jsonb_build_object('title', jsonb_build_object('vi', 'Oxy thấp <i>' || station, 'en', 'Low oxygen'))
  from unnest(%(stations)s::text[]) station returning alarm_id, raised_at)
insert into alarm_event (alarm_id, time, event, at, state, acknowledged)
select alarm_id, raised_at, 'raised', raised_at, 'unacknowledged', false from risen returning alarm_id
"""
REMARK = """
with shelved as (
  insert into shelf (rule, station, person, reason, since, until)
  values ('ph-high', %(station)s, 'Lê', %(words)s, %(at)s, %(at)s + interval '1 day'))
insert into alarm_event (alarm_id, time, event, person, reason, at, state, acknowledged)
select alarm_id, %(at)s, 'comment', 'Lê', %(words)s, %(at)s, state, false from alarm where station = %(station)s
"""


def test_every_act_of_the_page_is_a_function_of_the_desk_and_a_command() -> None:
    functions = {name.rpartition(".")[2] for name in MATRIX[DeskAct.SHIFT].functions}
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    page = Path(shift_page.__file__).read_text("utf-8")
    posted = {path.rpartition("/")[2].replace("-", "_") for path in re.findall(r'@app.post\("(.+)"\)', page)}
    assert functions == posted == {name for name in functions if f"shift.{name}(" in page}
    assert {name.replace("_", "-") for name in functions} | {"show", "list"} == commands


@pytest.fixture
def busy(configured: Connection) -> Connection:
    """An alarm at each of two stations in the open shift, and an act."""
    conn = configured
    conn.execute("update shift set since = %s", [NOW - timedelta(hours=8)])
    conn.execute(ALARMS, {"at": NOW - timedelta(hours=1), "stations": [HERE, AWAY]})
    audit.record(conn, NOW - timedelta(hours=1), f"Lê <script> {LONG}\u202e", "replay", "dead letter 3", "=1")
    for action, subject in (
        ("false", "alarm 1"),
        ("edit", f"file stations/{HERE}.yaml"),
        ("flag", f"review 3 of {HERE}/do"),
    ):
        audit.record(conn, NOW - timedelta(hours=1), "Lê", action, subject, PRIVATE)
    command = {"id": "c1", "order": {"do": "read", "device": None}}
    audit.record(conn, NOW - timedelta(hours=1), "Lê", "command", f"station {HERE}", PRIVATE, command)
    conn.execute(REMARK, {"at": NOW - timedelta(hours=1), "words": PRIVATE, "station": HERE})
    return conn


async def test_why_people_did_what_is_read_by_who_keeps_the_book_alone(database: str, busy: Connection) -> None:
    operator = with_session(session_of(busy, "An", NOW, RoleGrant(Role.OPERATOR)))
    readers = (
        {},
        *(with_session(session_of(busy, role, NOW, RoleGrant(role))) for role in (Role.VIEWER, Role.DATA_OFFICER)),
    )
    number = shift.open_shift(busy).shift_id
    acted = [item for item in shift.open_page(busy, NOW).items if item.facts.get("reason") == PRIVATE]
    assert {item.kind for item in acted} == {
        ItemKind.ASIDE, ItemKind.COMMANDS, ItemKind.CONFIGURATION, ItemKind.REVIEWS, ItemKind.ACTS
    }  # fmt: skip
    acted += [item for item in shift.open_page(busy, NOW).items if item.facts.get("remarks")]
    for item in acted:
        shift.note(busy, "gọi lại", "An", NOW, item=item.key, station=item.station, mark="watch")
    async with served(database, Role.VIEWER) as (http, _):

        async def read(path: str, by: dict[str, str]) -> str:
            answer = await http.get(path, headers=by)
            assert answer.status_code == 200, (path, answer.text[:300])
            return html.unescape(answer.text)

        assert (await http.post("/api/shift/hand-over", json={"shift": number}, headers=operator)).status_code == 200
        busy.execute("update shift set since = %s where until is null", [NOW - timedelta(hours=8)])
        for path in ("/shift", "/api/shift", f"/shifts/{number}"):
            assert PRIVATE in await read(path, operator), path
            for by in readers:
                shown = await read(path, by)
                assert (PRIVATE in shown, "dead letter 3" in shown, "Việc khác" in shown) == (False, False, False), path
                assert ("gọi lại" in shown, HERE in shown) == (True, True), path


async def test_the_causes_of_gaps_are_found_out_while_nobody_waits(database: str, busy: Connection) -> None:
    told = [one.facts["causes"] for one in shift.open_page(busy, NOW).of(ItemKind.GAPS)[: shift_rows.EXPLAINED]]
    assert [[cause["cause"] for cause in causes] for causes in told] != [[]] * len(told)
    async with served(database, Role.VIEWER) as (http, _):
        first, second = [(await http.get("/shift")).text for _ in range(2)]
        assert ("data-lacks" in first, "data-lacks" in second) == (True, False)
        assert len(second) > len(first)
    async with served(database, Role.VIEWER) as (http, _):
        found = (await http.get("/api/shift")).json()["items"]
        assert [one["facts"]["causes"] for one in found if "causes" in one["facts"]] == told, (
            "a program has them at once"
        )


async def test_a_shift_is_written_signed_taken_over_and_found_again(database: str, busy: Connection) -> None:
    conn = busy
    operator = with_session(session_of(conn, "Trần <b>An</b>", NOW, RoleGrant(Role.OPERATOR)))
    other = with_session(session_of(conn, "Bình", NOW, RoleGrant(Role.TECHNICIAN)))
    viewer = with_session(session_of(conn, "Khách", NOW, RoleGrant(Role.VIEWER)))
    part = with_session(session_of(conn, "Chi", NOW, RoleGrant(Role.OPERATOR, frozenset({HERE}))))
    number = shift.open_shift(conn).shift_id
    async with served(database, Role.VIEWER) as (http, _):

        async def get(path: str, by: dict[str, str] = operator, status: int = 200) -> str:
            answer = await http.get(path, headers=by)
            assert answer.status_code == status, (path, answer.text[:300])
            return text_of(answer)

        async def post(path: str, by: dict[str, str], status: int, **body: Any) -> str:
            answer = await http.post(f"/api/{path}", json=body, headers={**by, "Accept-Language": "vi"})
            assert answer.status_code == status, (path, answer.text)
            return str(answer.json().get("error", ""))

        page = await get("/shift")
        for words in ("ca đầu tiên trong sổ", f"Oxy thấp <i>{AWAY}", "2 cảnh báo trong ca", "Bàn giao ca", LONG):
            assert words in page, words
        raw = (await http.get("/shift", headers=operator)).text
        assert "<i>" not in raw
        assert "\u202e" not in raw.partition("<main>")[2]
        assert "Low oxygen" in await get("/shift?lang=en")
        mine = await get("/shift", part)
        assert (HERE in mine, AWAY in mine, "chỉ xem được một số trạm" in mine) == (True, False, True)
        assert "1 cảnh báo trong ca" in mine
        assert (LONG in mine, "Ký bàn giao" in mine, "Ghi vào sổ" in mine) == (False, False, True)
        assert "Ghi vào sổ" not in await get("/shift", viewer)
        assert "Ký bàn giao" in await get("/shift", {}), "whoever is not signed in is asked to when they sign"

        (key,) = re.findall(rf'data-key="(alarm \d+)" data-station="{HERE}"', raw)
        await post("shift/note", viewer, 403, text="x")
        await post("shift/note", part, 403, text="x")
        await post(f"stations/{AWAY}/shift/note", part, 403, text="x")
        away = (await http.get("/api/shift", headers=operator)).json()["items"]
        (foreign,) = (row["key"] for row in away if row["kind"] == "standing" and row["station"] == AWAY)
        refused = await post(f"stations/{HERE}/shift/note", part, 409, text="x", item=foreign)
        assert refused == f"ca đang mở không có mục {foreign}: hãy tải lại trang", "no way to another station"
        await post(f"stations/{HERE}/shift/note", part, 200, text="đã gọi\nhộ nuôi", item=key, mark="watch")
        await post("shift/note", operator, 200, text=LONG)
        for bad in ({"text": "…"}, {"text": "x" * 2001}, {"text": "x\0"}, {"text": "x", "mark": "x"}, {}):
            await post("shift/note", operator, 422, **bad)
        assert "Cần theo dõi tiếp 1" in await get("/shift", part)

        await post("shift/hand-over", part, 403, shift=number)
        await post("shift/hand-over", viewer, 403, shift=number)
        await post("shift/hand-over", operator, 200, shift=number, remark="giữ máy <b>")
        refused = await post("shift/hand-over", other, 409, shift=number)
        assert refused == (
            f"ca trực số {number} đã được Trần <b>An</b> bàn giao lúc 03:00:00 24/11/2026: hãy xem ca đang mở"
        )
        assert "chờ người nhận ca" in await get("/shift", other)
        assert "Nhận ca</button>" not in (await http.get("/shift", headers=operator)).text, "not by oneself"
        assert "người khác mới nhận ca được" in await post(f"shifts/{number}/take-over", operator, 409)
        await post(f"shifts/{number}/take-over", part, 403)
        await post(f"shifts/{number}/take-over", other, 200)
        signed = await get(f"/shifts/{number}")
        row, _ = shift.signed_page(conn, number)
        taken = "Người nhận ca Bình, 10:00 24/11/2026"
        for words in ("không bao giờ thay đổi", "giữ máy <b>", taken, str(row.digest)):
            assert words in signed, words
        mine = await get(f"/shifts/{number}", part)
        assert (AWAY in mine, "giữ máy" in mine, LONG in mine, "đã gọi hộ nuôi" in mine) == (False, False, False, True)
        assert "Không" not in await get(f"/shifts/{number}?lang=en")
        await get("/shifts/99999", status=404)
        assert f"Ca trực số {number}" in await get("/shifts?day=2026-11-24", viewer)
        assert "Không có ca nào vào ngày này" in await get("/shifts?day=2026-11-20")
        await get("/shifts?day=x", status=422)
        assert "Cần theo dõi tiếp 1" in await get("/shift", part), "it goes on"
    acts = conn.execute("select act, account is not null from v_audit where object like 'shift %' order by audit_id")
    assert acts.fetchall() == [("note", True), ("note", True), ("hand over", True), ("take over", True)]
