"""The page of alarms and that of one alarm: filters in the address, pages that follow, a life with who was told."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime

from quantrac.desks.roles import Role, RoleGrant
from tests.fixtures.console import RunningConsole

TOLD = """
with lan as (
  insert into contact (name, phone_e164, groups) values ('Chị <b>Lan</b>', '+84912345678', '{operators}')
  returning contact_id),
raised as (
  insert into alarm_event (alarm_id, time, event, detail, at, state, acknowledged)
  values (%(alarm)s, %(at)s, 'raised', '{"level": "act", "severity": "high", "value": 2.1, "limit": 3.0}', %(at)s,
          'unacknowledged', false) returning alarm_event_id)
insert into notification (alarm_id, alarm_event_id, contact_id, medium, purpose, status, body, queued_at, sent_at,
                          delivered_at, carrier, held_for, held_until, error)
select %(alarm)s, alarm_event_id, contact_id, v.* from lan, raised, (values
  ('sms', 'raised', 'delivered', 'Oxy', %(at)s, %(at)s, %(at)s, 'esms', null, null, null),
  ('email', 'raised', 'failed', 'Oxy', %(at)s, null, null, 'smtp', null, null, 'no such mailbox'),
  ('webhook', 'raised', 'held', 'Oxy', %(at)s, null, null, null, 'quiet hours', %(at)s + interval '8 hours', null)
) v
"""
CALLED = """
update alarm set unanswered_since = %(at)s, call_at = %(at)s + interval '30 minutes', call_to = '{managers}',
  call_by = '{sms}', texts = texts || %(texts)s where alarm_id = %(alarm)s
"""
AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CAUSE = '{"cause": {"vi": "Tảo tàn <i>", "en": "Algae die"}, "title": {"vi": "Oxy <b>thấp</b>", "en": "Low oxygen"}}'


def rows_of(page: str) -> list[int]:
    """Return the alarms that a page lists."""
    return [int(number) for number in re.findall(r'<tr class="alarm-row[^>]*data-alarm="(\d+)"', page)]


def link_of(page: str, words: str) -> str | None:
    """Return the address behind words of a page."""
    found = re.search(rf'<a href="([^"]+)">[^<]*{words}', page)
    return None if found is None else html.unescape(found[1])


def test_filters_stand_in_the_address_and_pages_follow_one_another(console: RunningConsole) -> None:
    console.raise_alarms()
    mine = console.raise_alarm()
    console.conn.execute("update alarm set texts = %s where alarm_id = %s", [CAUSE, mine])

    def page(query: str, by: str | None = None) -> str:
        status, _, text = console.ask("GET", f"/alarms{query}", by=by)
        assert status == 200, query
        return text

    first = page("")
    second = page(link_of(first, "Trang sau") or "")
    (worst,) = console.conn.execute("select alarm_id from alarm where severity = 'critical'").fetchall()
    assert (len(rows_of(first)), rows_of(first)[:2]) == (50, [worst[0], mine])
    assert (len(rows_of(second)), set(rows_of(first)) & set(rows_of(second))) == (50, set())
    assert link_of(second, "← Về trang đầu") == "?state=standing&lang=vi"
    days = "since=2020-01-01&until=2999-12-31"
    kept = f"?state=unanswered&severity=high&station=st-cu-lao-dung&parameter=do&{days}&text=oxy+thap"
    found = page(kept)
    assert rows_of(found) == [mine]
    assert re.findall(r'<option value="([^"]+)" selected', found) == ["unanswered", "high", "st-cu-lao-dung", "do"]
    for field in (
        'name="since" type="date" value="2020-01-01"',
        'name="text" type="search" maxlength="200" value="oxy thap"',
    ):
        assert field in found
    assert f"{html.escape(kept)}&amp;lang=en" in found, "the other language keeps the filters"
    assert "Oxy &lt;b&gt;thấp&lt;/b&gt;" in found
    assert "<b>thấp" not in found
    assert "Không có cảnh báo nào như thế" in page("?state=all&text=khong+co")
    assert rows_of(page("?state=nonsense&severity=nonsense")) == rows_of(first)
    assert console.ask("GET", "/alarms?since=x")[0] == 422
    here = console.sign_in("Lê Văn An", RoleGrant(Role.OPERATOR, frozenset({"st-cu-lao-dung"})))
    assert rows_of(page("?state=all", here)) == [mine]
    assert console.ask("GET", f"/alarms/{worst[0]}", by=here)[0] == 403


def test_the_page_of_an_alarm_tells_its_life_who_was_told_and_what_follows(console: RunningConsole) -> None:
    alarm = console.raise_alarm()
    console.conn.execute(TOLD, {"alarm": alarm, "at": AT})
    console.conn.execute(CALLED, {"alarm": alarm, "at": AT, "texts": CAUSE})
    for value in (3.4, 2.1):
        console.arrive("st-cu-lao-dung/do", value)
    by = console.sign_in()
    status, _, page = console.ask("GET", f"/alarms/{alarm}", by=by)
    assert status == 200
    for words in (
        "Tảo tàn &lt;i&gt;", "2,10 mg/l (ngưỡng 3)", "<time>10:00:00 24/11/2026</time>",
        "Bắt đầu, Nghiêm trọng, 2,10, ngưỡng 3",
        "1 × SMS: đã đến máy", "1 × thư điện tử: không gửi được", "1 × chương trình nhận tin: giữ lại (giờ yên tĩnh)",
        "Chị &lt;b&gt;Lan&lt;/b&gt;", "(esms)", "no such mailbox", "đến 18:00 24/11/2026",
        "lúc 10:30 24/11/2026 báo thêm cho nhóm managers bằng SMS", '<svg class="drawing"',
        "/stations/st-cu-lao-dung?lang=vi&amp;from=",
    ):  # fmt: skip
        assert words in page, words
    assert page.count('class="limit"') == 1
    english = console.ask("GET", f"/alarms/{alarm}?lang=en")[2]
    assert "the group managers is told by SMS" in english
    assert "Lan&lt;" not in english, "whoever may only look reads no names of contacts"
    technician = console.sign_in("Lê Kỹ Thuật", RoleGrant(Role.TECHNICIAN))
    assert "Lan&lt;" not in console.ask("GET", f"/alarms/{alarm}", by=technician)[2], "nor whoever may only comment"
    assert "5678" not in english.partition("timeline")[2].partition("</ol>")[0].replace("+84******678", "")
    for unknown in ("abc", "999999", "9" * 30):
        status, _, page = console.ask("GET", f"/alarms/{unknown}")
        assert (status, "Không có cảnh báo này" in page) == (404, True), unknown


def test_of_two_who_act_at_once_the_later_sees_the_earlier_and_decides(console: RunningConsole) -> None:
    alarm = console.raise_alarm()
    an, binh = console.sign_in("Lê Văn An"), console.sign_in("Bình")

    def act(name: str, by: str, seen: int) -> tuple[int, str]:
        wish = {"reason": "vệ sinh đầu đo", "hours": 2, "seen": seen}
        status, _, text = console.ask("POST", f"/api/alarms/{alarm}/{name}", wish, by=by, **{"Accept-Language": "vi"})
        return status, json.loads(text).get("error", "")

    def seen() -> int:
        found = re.search(r'data-seen="(\d+)"', console.ask("GET", f"/alarms/{alarm}")[2])
        assert found is not None
        return int(found[1])

    before = seen()
    assert act("shelve", an, before) == (200, "")
    status, why = act("shelve", binh, before)
    assert (status, why.startswith("sau lúc bạn xem, Lê Văn An đã xử lý: tạm gác lúc ")) == (409, True)
    assert act("comment", binh, before)[0] == 200, "a remark takes nothing from anybody"
    assert act("false", an, before)[0] == 409
    assert act("false", an, seen())[0] == 200
    assert act("unshelve", an, before)[0] == 409
    assert act("unshelve", binh, seen())[0] == 200
    shelves = console.conn.execute("select person from v_audit where act = 'shelved'").fetchall()
    assert shelves == [("Lê Văn An",)]
