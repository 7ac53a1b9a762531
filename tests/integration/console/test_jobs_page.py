"""The page of jobs, by HTTP: due times and runs in both languages; asking for a run needs the right."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from dashboards.console.jobs_page import due_words
from quantrac.cli.jobs.runs import Done, Job, register, run_asked, run_if_due
from quantrac.database.beat import Beat, Making
from quantrac.database.pool import Connection
from quantrac.desks.jobs import run_now
from quantrac.desks.roles import Role, RoleGrant
from quantrac.telemetry.due_times import EachWeek, Every, OnDays
from tests.fixtures.console import session_of, text_of, with_session
from tests.integration.console.test_admission import served

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


async def test_jobs_are_shown_with_next_times_and_runs_and_whoever_may_asks_for_one(
    database: str, configured: Connection
) -> None:
    officer = with_session(session_of(configured, "Hoa", NOW, RoleGrant(Role.DATA_OFFICER)))
    operator = with_session(session_of(configured, "Bình", NOW, RoleGrant(Role.OPERATOR)))
    monday = Job("backup", OnDays(time(6, 30), EachWeek(0)), lambda conn, now: Done(3, "<b>3</b> files"))
    admin = with_session(session_of(configured, "Quản", NOW, RoleGrant(Role.ADMINISTRATOR)))
    silence = Job("silence", Every(timedelta(seconds=30)), lambda conn, now: Done(0, ""))
    broken = Job("causes", Every(timedelta(hours=1)), lambda conn, now: Done(int("/srv/secret"), ""))
    register(configured, [monday, silence, broken], NOW)
    assert run_if_due(configured, monday, lambda: NOW)
    assert run_if_due(configured, broken, lambda: NOW)
    assert run_if_due(configured, broken, lambda: NOW + timedelta(minutes=1))
    anew = Making(0.4, 52_000.0, NOW + timedelta(minutes=6))
    Beat(configured, "quality", "box:1", NOW).beat(NOW + timedelta(days=999), making=anew)
    async with served(database, None) as (http, _):
        page = await http.get("/jobs", headers=officer)
        expected = ("06:30 thứ hai hằng tuần", "06:30 30/11/2026", "mỗi 30 giây", "&lt;b&gt;3&lt;/b&gt; files")
        assert [words for words in expected if words not in page.text] == []
        anew_words = "Dịch vụ quality đang tính lại toàn bộ: 40 %, 52000 dòng mỗi giây, xong lúc 10:06 24/11/2026"
        assert anew_words in text_of(page)
        assert "Monday at 06:30" in text_of(await http.get("/jobs?job=backup&lang=en", headers=officer))
        assert "/srv/secret" in (await http.get("/jobs", headers=admin)).text
        assert "/srv/secret" not in page.text, "what a program says of its failure is for those who look after it"
        assert "việc chưa làm được, hệ thống tự thử lại" in page.text
        assert "(đã thử 2 lần)" in page.text
        run_now(configured, "causes", "Hoa", "thử", NOW + timedelta(minutes=2))
        assert run_asked(configured, [broken], lambda: NOW + timedelta(minutes=2)) == 1
        alone = await http.get("/jobs?job=causes", headers=officer)
        assert "không tự chạy lại" in alone.text, "what a person asked for runs once"
        asked = {"job": "backup", "reason": "thử"}
        assert (await http.post("/api/jobs/run", json=asked, headers=operator)).status_code == 403
        assert (await http.post("/api/jobs/run", json=asked, headers=officer)).status_code == 200
        again = await http.post("/api/jobs/run", json=asked, headers={**officer, "Accept-Language": "vi"})
        assert (again.status_code, again.json()["error"]) == (409, "việc backup đã được yêu cầu và đang chờ jobs run")
        assert "yêu cầu bởi Hoa : thử" in text_of(await http.get("/jobs", headers=officer))


@pytest.mark.parametrize(
    ("due", "vi", "en"),
    [
        ("every 30 s", "mỗi 30 giây", "every 30 s"),
        ("every 3600 s", "mỗi 1 giờ", "every 1 h"),
        ("daily 02:30", "02:30 hằng ngày", "daily at 02:30"),
        ("sunday 06:30", "06:30 chủ nhật hằng tuần", "Sunday at 06:30"),
        ("monthly 1 07:00", "07:00 ngày 1 hằng tháng", "day 1 of the month at 07:00"),
        ("yearly 01-05 07:00", "07:00 ngày 05/01 hằng năm", "05/01 of each year at 07:00"),
    ],
)
def test_due_times_are_said_as_people_say_them(due: str, vi: str, en: str) -> None:
    assert (due_words(due, "vi"), due_words(due, "en")) == (vi, en)
