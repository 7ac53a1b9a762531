"""The pages of rules by HTTP: the library, one rule, and a trial of other limits, by whom they may be seen."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import pytest

from dashboards.console import context
from dashboards.console.context import TrialTurns
from dashboards.console.rule_library import RuleLibrary
from quantrac.config.config_folder import digest_of
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection
from quantrac.desks.roles import Role, RoleGrant
from tests.fixtures.console import CONFIGS, session_of, text_of, with_session
from tests.integration.console.test_admission import NOW, served

FILL = """
insert into reading select channel_id, %(t0)s::timestamptz + n * interval '1 minute',
  case when n between 60 and 99 then 2.8 when n between 900 and 939 then 1.5 else 5 end, 0, 0, %(t0)s
from channel, generate_series(0, 1439) n where channel = 'st-my-thanh/do'
"""
ALARMS = """
insert into alarm (rule, level, station, channel_id, severity, state, raised_at, cleared_at, false_at, false_by)
select 'do-low', 'act', 'st-my-thanh', channel_id, 'high', 'cleared', %(t0)s::timestamptz + n * interval '1 minute',
  %(t0)s::timestamptz + (n + 20) * interval '1 minute', case n when 70 then %(t0)s::timestamptz end,
  case n when 70 then 'Lan' end
from channel, unnest(array[70, 905]) n where channel = 'st-my-thanh/do'
"""
T0 = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
DAYS = {"first": "2026-11-23", "last": "2026-11-23"}
EDITS = {"below.act.limit": "2.5", "below.act.clear": "2.9"}


def told(text: str) -> list[tuple[str, Any]]:
    events = [event.split("\n") for event in text.strip().split("\n\n")]
    return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for kind, data in events]


async def test_people_read_the_rules_and_try_other_limits_at_the_stations_that_they_may_read(
    database: str, configured: Connection
) -> None:
    conn, library = configured, RuleLibrary.of(load_network(CONFIGS), NOW.date())
    conn.execute(FILL, {"t0": T0})
    conn.execute(ALARMS, {"t0": T0})
    conn.execute("insert into contact (name, email, groups) values ('<b>Bảy</b>', 'b@x.vn', '{operators}')")
    operator = with_session(session_of(conn, "An", NOW))
    viewer = with_session(
        session_of(conn, "Xem", NOW, RoleGrant(Role.VIEWER, frozenset({"st-tran-de", "st-my-thanh"})))
    )
    async with served(database, Role.VIEWER, library=lambda: library) as (http, _):

        async def page(path: str, status: int = 200, by: dict[str, str] = operator) -> str:
            answer = await http.get(path, headers=by)
            assert answer.status_code == status, answer.text[:300]
            return text_of(answer)

        async def tried(status: int, by: dict[str, str] = operator, rule: str = "do-low", **body: Any) -> Any:
            headers = {**by, "Accept-Language": "vi"}
            answer = await http.post(f"/api/rules/{rule}/trial", json={**DAYS, "edits": EDITS, **body}, headers=headers)
            assert answer.status_code == status, answer.text[:300]
            return told(answer.text) if status == 200 else answer.json()

        every = await page("/rules")
        for rule in library.network.rules.values():
            assert rule.title.vi in every
        assert "▲ dưới 3 mg/l, kéo dài 10 phút Nghiêm trọng" in every
        assert "2 lần báo 1 báo sai" in every
        assert "Oxy thấp" not in await page("/rules?parameter=ph&station=st-my-thanh")
        assert "Low oxygen" in await page("/rules?lang=en&station=st-vinh-chau&parameter=do")
        assert "Low oxygen" not in await page("/rules?lang=en&station=st-dai-ngai")
        seen = await page("/rules", by=viewer)
        assert "Sông Mỹ Thanh" in seen
        assert "Vĩnh Châu" not in seen, "only stations that somebody may read"

        one = await page("/rules/do-low?station=st-vinh-chau")
        for words in (
            "rules/oxygen.yaml:5", "thực tế nuôi", "Tôm nổi đầu", "KHAN CAP: Oxy", "duoi 1", "1 tin SMS",
            "dưới 1 mg/l, kéo dài 5 phút", "Ngưỡng hết báo",
        ):  # fmt: skip
            assert words in one, words
        assert "Vĩnh Châu" not in await page("/rules/do-low?station=st-vinh-chau", by=viewer)
        assert await page("/rules/none", 404)
        assert "several conditions together" in await page("/rules/warm-and-low-oxygen?lang=en")

        *steps, (kind, found) = await tried(200)
        assert (steps[0], steps[-1], kind) == (("progress", 0.0), ("progress", 1.0), "done")
        html = " ".join(found["html"].split())
        for words in (
            "<strong>2 → 1</strong>", "<strong>1 trên 1</strong> lần báo sai sẽ không còn",
            "<strong>0 trên 1</strong> lần báo khác sẽ mất", "Khẩn cấp 1 → 1",
                "Nghiêm trọng 1 → 0", "&lt;b&gt;Bảy&lt;/b&gt;", "01:09 23/11/2026",
        ):  # fmt: skip
            assert words in html, words
        (file,) = found["files"]
        assert (file["name"], "limit: 2.5, clear: 2.9" in file["text"]) == ("rules/oxygen.yaml", True)
        assert file["opened"] == digest_of((CONFIGS / "rules/oxygen.yaml").read_bytes()), "what a save is held against"
        assert found["diff"].startswith("--- a/rules/oxygen.yaml\n+++ b/rules/oxygen.yaml\n")
        chart = next(channel for channel in found["channels"] if channel["id"] == "st-my-thanh/do")
        assert [(line["limit"], line["note"]) for line in chart["limits"]] == [
            (4.0, ""), (3.0, "cũ"), (2.0, ""), (2.5, "mới"),
        ]  # fmt: skip
        assert [len(lane) for lane in chart["lanes"]] == chart["counts"] == [2, 1, 2]

        (*_, (_, narrow)) = await tried(200, viewer)
        assert "Bảy" not in narrow["html"]
        assert "data-propose" not in found["html"] + narrow["html"], "only who may change the files opens them"
        assert "Người nhận 1" in narrow["html"]
        assert {channel["id"].partition("/")[0] for channel in narrow["channels"]} == {"st-my-thanh"}
        (*_, (_, elsewhere)) = await tried(200, station="st-cu-lao-dung")
        assert "<strong>0 → 0</strong>" in " ".join(elsewhere["html"].split())

        await tried(401, {})
        await tried(404, viewer, station="st-vinh-chau")
        await tried(404, rule="none")
        assert "đã sửa" in (await tried(422, edits={}))["error"]
        assert (await tried(422, first="2025-11-01"))["error"]
        await tried(422, last="9999-12-31")
        assert "tương lai" in (await tried(422, last=f"{NOW + timedelta(days=2):%Y-%m-%d}"))["error"]
        assert "cần một số" in (await tried(422, edits={"below.act.limit": "1e300"}))["error"]
        wrong = (await tried(422, edits={"below.act.clear": "2", "below.danger.limit": "3.5"}))["problems"]
        assert {one["key"]: one["words"] for one in wrong} == {
            "below.act.clear": "ngưỡng hết báo phải nằm ở phía an toàn của ngưỡng báo",
            "below.danger.clear": "ngưỡng hết báo phải nằm ở phía an toàn của ngưỡng báo",
            "below.danger.limit": "mức nặng hơn phải có ngưỡng xa hơn mức nhẹ",
        }
    for table in ("notification", "rule_state"):
        assert conn.execute(f"select count(*) from {table}").fetchone() == (0,)


@pytest.mark.usefixtures("configured")
async def test_files_that_cannot_be_read_are_said_so_and_others_long_reads_and_trials_refuse_a_trial(
    database: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    by = with_session(session_of(conn, "An", NOW))
    body = {**DAYS, "edits": EDITS}
    async with served(database, None) as (http, _):
        for path in ("/rules", "/rules/do-low"):
            answer = await http.get(path, headers=by)
            assert (answer.status_code, "QUANTRAC_CONFIG" in text_of(answer)) == (503, True)
        assert (await http.post("/api/rules/do-low/trial", json=body, headers=by)).status_code == 404
    monkeypatch.setattr(context, "PATIENCE_S", 0.0)
    library = RuleLibrary.of(load_network(CONFIGS), NOW.date())
    turns, trials = BoundedSemaphore(1), TrialTurns()
    async with served(database, None, library=lambda: library, long_reads=turns, trials=trials) as (http, _):
        with turns:
            answer = await http.post("/api/rules/do-low/trial", json=body, headers=by)
        assert told(answer.text)[-1] == (
            "refused", "others read long stretches of time at this moment: try again",
        )  # fmt: skip
        assert not trials.take("another", time.monotonic()), "the place of whoever was refused is kept"
        assert trials.take("another", time.monotonic() + context.PLACE_KEPT_S)
        answer = await http.post("/api/rules/do-low/trial", json=body, headers={**by, "Accept-Language": "vi"})
        kind, why = told(answer.text)[-1]
        assert (kind, why.startswith("đang có một lần thử khác")) == ("refused", True)
    files = shutil.copytree(CONFIGS, tmp_path / "configs")
    library = RuleLibrary.of(load_network(files), NOW.date())
    (files / "rules" / "oxygen.yaml").write_text("# do-low\nrules: [", "utf-8")
    async with served(database, None, library=lambda: library) as (http, _):
        answer = await http.get("/rules/do-low", headers=by)
        assert (answer.status_code, "rules/oxygen.yaml:5" in answer.text) == (200, False), "those in force are good"
        keeper = with_session(session_of(conn, "Kỹ thuật", NOW, RoleGrant(Role.TECHNICIAN)))
        wrong = [await http.post("/api/rules/do-low/trial", json=body, headers=one) for one in (by, keeper)]
        assert [answer.status_code for answer in wrong] == [422, 422]
        shown, kept = (answer.json()["problems"] for answer in wrong)
        assert shown == [{"key": "", "words": "the rule files have a mistake elsewhere: tell whoever keeps them"}]
        assert kept[0]["words"].startswith("rules/oxygen.yaml:2: "), "what it is, to whoever may change the files"
