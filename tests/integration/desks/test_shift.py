"""The shift book on a real database: what it collects, signatures, what late comers tell the next shift, its bounds."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from quantrac.cli.commands.shift import app
from quantrac.database import audit
from quantrac.database.pool import Connection, connect
from quantrac.desks import shift, shift_rows
from quantrac.desks.shift import NoSuchShift, ShiftRefused
from quantrac.desks.shift_content import ItemKind, ShiftContent, within
from quantrac.telemetry.states import State
from tests.fixtures import stations
from tests.integration.database.conftest import NOON, World

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
END = NOON + 8 * HOUR
HERE = "st-test"
AWAY = "st-away"
ALARM = """
insert into alarm (rule, level, station, channel_id, severity, state, raised_at, cleared_at, value, "limit", texts)
values (%(rule)s, 'act', %(station)s, %(channel)s, %(severity)s, %(state)s, %(raised)s, %(cleared)s, %(value)s, 3,
        '{"title": {"vi": "Oxy thấp", "en": "Low oxygen"}}') returning alarm_id
"""
EVENT = """
insert into alarm_event (alarm_id, time, event, person, reason, at, state, acknowledged)
values (%s, %s, %s, %s, %s, %s, 'unacknowledged', false)
"""
MANY = """
with risen as (
  insert into alarm (rule, level, station, severity, state, raised_at, cleared_at, texts)
  select 'rule-' || n %% 25, 'act', case when n %% 2 = 0 then %(here)s else %(away)s end, 'low',
         case when n %% 10 = 0 then 'unacknowledged' else 'returned' end, %(at)s + n * interval '10 s',
         case when n %% 10 <> 0 then %(at)s + n * interval '11 s' end, '{}'
  from generate_series(1, 1000) n returning alarm_id, raised_at, cleared_at)
insert into alarm_event (alarm_id, time, event, at, state, acknowledged)
select alarm_id, e.at, e.event, e.at, 'unacknowledged', false
from risen cross join lateral (values (raised_at, 'raised'), (cleared_at, 'cleared')) e (at, event)
where e.at is not null
"""


@pytest.fixture
def book(world: World) -> World:
    """Two stations, and a shift that is open since noon."""
    stations.add_station(world.conn, AWAY)
    world.conn.execute("update network set time_zone = 'Asia/Ho_Chi_Minh'")
    world.conn.execute("update shift set since = %s", [NOON])
    return world


def raise_alarm(conn: Connection, at: datetime, rule: str = "do-low", **other: Any) -> int:
    """Let an alarm rise; returns its number."""
    asked = {
        "rule": rule, "station": HERE, "channel": None, "severity": "high", "state": "unacknowledged", "raised": at,
        "cleared": None, "value": 2.1, **other,
    }  # fmt: skip
    row = conn.execute(ALARM, asked).fetchone()
    assert row is not None
    conn.execute(EVENT, [row[0], at, "raised", None, None, at])
    return int(row[0])


def keys(page: ShiftContent, kind: ItemKind) -> list[str]:
    return [item.key for item in page.of(kind)]


def act(conn: Connection, at: datetime, action: str, subject: str, **detail: Any) -> int:
    audit.record(conn, at, "Lan", action, subject, "vì sao", detail or None)
    row = conn.execute("select max(audit_id) from audit").fetchone()
    assert row is not None
    return int(row[0])


def happen(book: World) -> dict[str, int]:
    """Let one thing of each kind happen at st-test, an hour after noon; returns numbers by name."""
    conn, at = book.conn, NOON + HOUR
    made = {
        "standing": raise_alarm(conn, at, channel=book.channel_id, value=1e300, severity="critical"),
        "over": raise_alarm(conn, at, "ph-high", state="returned", cleared=at + MINUTE),
    }
    conn.execute(EVENT, [made["over"], at, "cleared", None, None, at + MINUTE])
    conn.execute(EVENT, [made["standing"], at, "comment", "Lan <b>", "đã gọi hộ nuôi", at])
    conn.execute(
        "insert into shelf (rule, station, person, reason, since, until) values ('ph-high', %s, 'Lan', 'rửa', %s, %s)",
        [HERE, at, END + HOUR],
    )
    conn.execute(
        "insert into out_of_service (station, device, channels, person, reason, since, until)"
        " values (%s, 'sonde', '{do}', 'Lan', 'thay màng', %s, %s)", [HERE, at, END + HOUR],
    )  # fmt: skip
    place = f"station {HERE}"
    made["read"] = act(conn, at, "command", place, id="c1", order={"do": "read", "device": None})
    act(conn, at + MINUTE, "command outcome", place, id="c1", outcome={"ok": False, "error": "bận"})
    made["waits"] = act(conn, at, "command", place, id="c2", order={"do": "picture", "camera": "gate"})
    made["apply"] = act(conn, at, "apply", place, outcome="changed")
    conn.execute(
        "insert into station_event values (%s, 'e', 7, 0, %s, null, 'configuration', 'confirmed', %s)", [HERE, at, at]
    )
    made["flag"] = act(conn, at, "flag", f"review 3 of {HERE}/do")
    conn.execute(
        "insert into sign_off (channel_id, day, from_t, to_t, content, person, at, reopened_cause, reopened_at)"
        " values (%s, '2026-11-20', %s, %s, '{}', 'Lan', %s, 'reading', %s)",
        [book.channel_id, NOON - 96 * HOUR, NOON - 72 * HOUR, NOON - 70 * HOUR, at],
    )
    conn.execute("insert into contact (name, email) values ('An', 'an@example.org')")
    conn.execute(
        "insert into notification (alarm_id, contact_id, medium, purpose, status, body, queued_at, failed_at, error)"
        " select %s, contact_id, 'email', 'raised', 'failed', 'x', %s, %s, 'no such mailbox' from contact",
        [made["standing"], at, at],
    )
    conn.execute(
        "insert into dead_letter (first_received_at, received_at, topic, station, payload, length, sha256, reason,"
        " status) values (%s, %s, 'x', %s, '', 0, sha256(''), 'not_json', 'open')",
        [at, at, HERE],
    )
    made["acknowledged"] = act(conn, at, "acknowledged", f"alarm {made['standing']}")
    made["visit"] = act(conn, at - MINUTE, "withdraw", f"visit 3 of {HERE}")
    made["edit"] = act(conn, at - MINUTE, "edit", f"file stations/{HERE}.yaml")
    for action, subject in (("sign in", "account lan"), ("change", "contact 1"), ("add", "token cổng")):
        act(conn, at, action, subject)
    return made


def test_a_shift_collects_what_happened_and_its_signed_page_never_changes(book: World, database: str) -> None:
    conn, made = book.conn, happen(book)
    conn.execute("set role quantrac_console")
    page = shift.open_page(conn, END)
    standing, over = page.of(ItemKind.STANDING), page.of(ItemKind.ALARMS)
    assert keys(page, ItemKind.STANDING) == [f"alarm {made['standing']}"]
    assert standing[0].facts["value"] == 1e300
    assert [remark[1:] for remark in standing[0].facts["remarks"]] == [["Lan <b>", "đã gọi hộ nuôi"]]
    assert [item.key for item in over] == [f"alarms do-low {HERE}", f"alarms ph-high {HERE}"], "the worst first"
    assert [(item.facts["raised"], item.facts["cleared"], item.facts["standing"]) for item in over] == [
        (1, 0, 1), (1, 1, 0),
    ]  # fmt: skip
    assert keys(page, ItemKind.GAPS) == [f"station {HERE}", f"station {AWAY}"], "neither was ever heard"
    assert {item.facts["what"] for item in page.of(ItemKind.ASIDE)} == {"shelved", "out"}
    asked = {item.key: (item.facts["ok"], item.facts["error"]) for item in page.of(ItemKind.COMMANDS)}
    assert asked == {f"command {made['read']}": (False, "bận"), f"command {made['waits']}": (None, None)}
    assert keys(page, ItemKind.CONFIGURATION) == [f"act {made['apply']}", f"event {HERE} e 7 0", f"act {made['edit']}"]
    assert [item.facts.get("cause") for item in page.of(ItemKind.REVIEWS)] == ["reading", None]
    assert [item.facts["error"] for item in page.of(ItemKind.MESSAGES)] == ["no such mailbox"]
    assert "an@example.org" not in json.dumps([item.facts for item in page.of(ItemKind.MESSAGES)])
    assert [item.facts["letters"] for item in page.of(ItemKind.DEAD_LETTERS)] == [1]
    assert keys(page, ItemKind.ACTS) == [f"act {made['acknowledged']}", f"act {made['visit']}"], (
        "administration stays in the audit"
    )
    assert {item.station for item in page.items} == {HERE, AWAY}
    totals = {(kind.value, what): page.total(kind, what) for kind, what in (
        (ItemKind.STANDING, "critical"), (ItemKind.STANDING, "waiting"), (ItemKind.ALARMS, "raised"),
        (ItemKind.COMMANDS, "failed"), (ItemKind.COMMANDS, "waiting"), (ItemKind.GAPS, "silent"),
    )}  # fmt: skip
    assert list(totals.values()) == [1, 1, 2, 1, 1, 2]
    part = within(page, frozenset({AWAY}))
    assert [item.key for item in part.items] == [f"station {AWAY}"]
    assert (part.total(ItemKind.ALARMS, "raised"), part.total(ItemKind.GAPS, "silent"), set(part.names)) == (
        0,
        1,
        {AWAY},
    )

    shift.note(conn, "cửa cống <script>", "Lan", END, item=f"alarm {made['standing']}", station=HERE, mark="watch")
    with ThreadPoolExecutor(2) as pool:

        def sign(person: str) -> str | None:
            with connect(database, "test") as own:
                try:
                    return shift.hand_over(own, page.shift_id, person, "giữ máy thổi khí", END).person
                except ShiftRefused as refused:
                    return str(refused)

        said = sorted(map(str, pool.map(sign, ("An", "Bình"))), key=len)
    winner = said[0]
    assert winner in ("An", "Bình")
    assert said[1] == (
        f"shift {page.shift_id} was handed over by {winner} at 2026-11-24 13:00:00Z: look at the one that is open now"
    )
    row, signed = shift.signed_page(conn, page.shift_id)
    assert (row.until, signed.until, signed.person, signed.remark) == (END, END, winner, "giữ máy thổi khí")
    assert [one.text for one in signed.notes] == ["cửa cống <script>"]
    kept = conn.execute("select content, digest from shift where shift_id = %s", [row.shift_id]).fetchone()
    assert kept is not None
    assert kept[1] == hashlib.sha256(kept[0].encode()).hexdigest() == row.digest
    conn.execute("reset role")
    for change in (
        "update shift set content = '{}' where until is not null", "delete from shift", "truncate shift cascade",
        "update shift_note set text = ''", "delete from shift_note",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(change)

    following = shift.open_page(conn, END + HOUR)
    assert (following.since, following.previous) == (END, row.digest)
    assert [one.text for one in following.watched] == ["cửa cống <script>"]
    assert (keys(following, ItemKind.ALARMS), keys(following, ItemKind.ACTS)) == ([], []), "told once"
    assert keys(following, ItemKind.STANDING) == keys(page, ItemKind.STANDING), "what stands is told again"
    act(conn, END + MINUTE, "command outcome", f"station {HERE}", id="c2", outcome={"ok": True})
    late = shift.open_page(conn, END + HOUR)
    assert [(item.key, item.facts["ok"]) for item in late.of(ItemKind.COMMANDS)] == [(f"command {made['waits']}", True)]
    assert shift.signed_page(conn, page.shift_id)[1] == signed


def test_what_commits_after_a_signature_is_told_by_the_next_shift(book: World) -> None:
    conn = book.conn
    told, first = act(conn, END - timedelta(seconds=5), "replay", "dead letter 1"), shift.open_shift(conn)
    raise_alarm(conn, END - timedelta(seconds=4))
    shift.hand_over(conn, first.shift_id, "An", "", END)
    missed = act(conn, END - timedelta(seconds=2), "replay", "dead letter 2")
    raise_alarm(conn, END - timedelta(seconds=1), "ph-high")
    page = shift.open_page(conn, END + MINUTE)
    assert keys(page, ItemKind.ACTS) == [f"act {missed}"] != [f"act {told}"]
    assert keys(page, ItemKind.ALARMS) == [f"alarms ph-high {HERE}"]


def receive(conn: Connection, at: datetime, index: int) -> None:
    """Put a dead letter, a day that data reopened and an event of the configuration on record."""
    conn.execute(
        "insert into dead_letter (first_received_at, received_at, topic, station, payload, length, sha256, reason,"
        " status) values (%s, %s, 'x', %s, '', 0, sha256(%s), %s, 'open')",
        [at, at, HERE, bytes([index]), f"reason {index}"],
    )
    conn.execute(
        "insert into station_event values (%s, 'e', 7, %s, %s, null, 'configuration', 'confirmed', %s)",
        [HERE, index, at, at],
    )
    day = NOON - (4 + index) * 24 * HOUR
    conn.execute(
        "insert into sign_off (channel_id, day, from_t, to_t, content, person, at, reopened_cause, reopened_at)"
        " select channel_id, %s, %s, %s, '{}', 'Lan', %s, 'reading', %s from channel limit 1",
        [day.date(), day, day + 24 * HOUR, NOON - 70 * HOUR, at],
    )


def test_what_stations_send_in_the_last_minute_is_told_once_by_the_next_shift(book: World) -> None:
    conn, first = book.conn, shift.open_shift(book.conn)
    kinds = ItemKind.DEAD_LETTERS, ItemKind.CONFIGURATION, ItemKind.REVIEWS
    receive(conn, END - HOUR, 0)
    receive(conn, END - timedelta(seconds=5), 1)
    shift.hand_over(conn, first.shift_id, "An", "", END)
    receive(conn, END - timedelta(seconds=2), 2)  # committed after the signature
    signed, following = shift.signed_page(conn, first.shift_id)[1], shift.open_page(conn, END + HOUR)
    assert [item.facts["reason"] for item in signed.of(kinds[0])] == ["reason 0"]
    assert {item.facts["reason"] for item in following.of(kinds[0])} == {"reason 1", "reason 2"}
    assert keys(signed, kinds[1]) == [f"event {HERE} e 7 0"]
    assert sorted(keys(following, kinds[1])) == [f"event {HERE} e 7 1", f"event {HERE} e 7 2"]
    assert [[item.facts["days"] for item in page.of(kinds[2])] for page in (signed, following)] == [[1], [2]]
    shift.hand_over(conn, following.shift_id, "Bình", "", END + HOUR)
    last = shift.open_page(conn, END + 2 * HOUR)
    assert [keys(last, kind) for kind in kinds] == [[], [], []]


def test_a_message_that_failed_is_told_once_by_the_shift_in_which_it_failed(book: World) -> None:
    conn, first = book.conn, shift.open_shift(book.conn).shift_id
    conn.execute("insert into contact (name, email) values ('An', 'an@example.org')")
    failed = (
        "insert into notification (contact_id, medium, purpose, status, body, queued_at, failed_at, error)"
        " select contact_id, 'email', 'raised', 'failed', 'x', %s, %s, %s from contact"
    )
    conn.execute(failed, [NOON - 10 * HOUR, NOON + HOUR, "held until morning"])
    conn.execute(failed, [NOON - 10 * HOUR, NOON - HOUR, "before"])
    conn.execute(failed, [END - HOUR, END + HOUR, "tried for two hours"])
    shift.hand_over(conn, first, "An", "", END)
    signed, following = shift.signed_page(conn, first)[1], shift.open_page(conn, END + 2 * HOUR)
    errors = [[item.facts["error"] for item in page.of(ItemKind.MESSAGES)] for page in (signed, following)]
    assert errors == [["held until morning"], ["tried for two hours"]]


def test_what_commits_while_the_page_is_composed_is_told_by_the_next_shift(
    book: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn, first, compose, missed = book.conn, shift.open_shift(book.conn), shift._compose, []

    def composed(*asked: Any) -> Any:
        missed.append(act(conn, END - timedelta(seconds=3), "replay", "dead letter 1"))
        page = compose(*asked)
        missed.append(act(conn, END - timedelta(seconds=2), "replay", "dead letter 2"))
        return page

    monkeypatch.setattr(shift, "_compose", composed)
    shift.hand_over(conn, first.shift_id, "An", "", END)
    monkeypatch.undo()
    signed, following = shift.signed_page(conn, first.shift_id)[1], shift.open_page(conn, END + MINUTE)
    assert (keys(signed, ItemKind.ACTS), set(keys(following, ItemKind.ACTS))) == ([], {f"act {one}" for one in missed})


def test_two_sign_and_whoever_takes_over_is_another_person(book: World) -> None:
    conn, first = book.conn, shift.open_shift(book.conn).shift_id
    with pytest.raises(NoSuchShift, match="quantrac shift list"):
        shift.take_over(conn, first, "Bình", END)
    assert (shift.last_shift(conn), shift.shifts(conn)) == (None, [])
    row = shift.hand_over(conn, first, "Trần An", "", END)
    assert row.waits
    with pytest.raises(ShiftRefused, match="another person takes over"):
        shift.take_over(conn, first, " trần  an", END)
    taken = shift.take_over(conn, first, "Bình", END + HOUR)
    assert (taken.taken_by, taken.taken_at, taken.waits) == ("Bình", END + HOUR, False)
    with pytest.raises(ShiftRefused, match="was taken over by Bình"):
        shift.take_over(conn, first, "Chi", END + HOUR)
    alone = shift.hand_over(conn, first + 1, "Bình", "  ", END + 2 * HOUR, alone=True)
    assert (alone.alone, alone.waits) == (True, False)
    nobody = shift.hand_over(conn, first + 2, "Chi", "", END + 3 * HOUR)
    shift.hand_over(conn, first + 3, "An", "", END + 20 * HOUR)
    with pytest.raises(ShiftRefused, match="nobody took over shift"):
        shift.take_over(conn, nobody.shift_id, "An", END + 21 * HOUR)
    with pytest.raises(NoSuchShift):
        shift.signed_page(conn, first + 4)
    day = (NOON + 12 * HOUR).date()
    assert [one.shift_id for one in shift.shifts(conn, day=day)] == [first + 3, first + 2, first + 1, first]
    assert [one.shift_id for one in shift.shifts(conn, day=day + timedelta(days=1))] == [first + 3]
    assert [one.shift_id for one in shift.shifts(conn, before=first + 2, most=1)] == [first + 1]
    acts = "select act, person, object from v_audit where object like 'shift %' order by audit_id limit 2"
    assert conn.execute(acts).fetchall() == [
        ("hand over", "Trần An", f"shift {first}"), ("take over", "Bình", f"shift {first}"),
    ]  # fmt: skip


def test_what_is_to_be_watched_goes_on_until_it_is_done(book: World) -> None:
    conn, alarm = book.conn, raise_alarm(book.conn, NOON + HOUR)
    with pytest.raises(ShiftRefused, match="needs words"):
        shift.note(conn, " ", "An", END)
    with pytest.raises(ShiftRefused, match="name the item"):
        shift.note(conn, "xong", "An", END, mark="done")
    for item, station in (("alarm 0", HERE), (f"alarm {alarm}", AWAY), (f"alarm {alarm}", None)):
        with pytest.raises(ShiftRefused, match="has no item"):
            shift.note(conn, "x", "An", END, item=item, station=station)
    with pytest.raises(ShiftRefused, match="there is no station st-x"):
        shift.note(conn, "x", "An", END, station="st-x")
    shift.note(conn, "nước đục", "An", END, mark="watch")
    shift.note(conn, "gọi lại lúc 6 giờ", "An", END, mark="watch", item=f"alarm {alarm}", station=HERE)
    shift.note(conn, "khách thăm", "An", END)
    shift.hand_over(conn, shift.open_shift(conn).shift_id, "An", "", END)
    conn.execute("update alarm set state = 'cleared', cleared_at = %s", [END])
    page = shift.open_page(conn, END + HOUR)
    assert [one.text for one in page.watched] == ["gọi lại lúc 6 giờ", "nước đục"]
    assert page.notes == []
    assert [one.text for one in within(page, {HERE}).watched] == ["gọi lại lúc 6 giờ"]
    shift.note(conn, "đã gọi", "Bình", END + HOUR, mark="done", item=page.watched[0].key, station=HERE)
    shift.note(conn, "vẫn đục", "Bình", END + HOUR, mark="watch", item=page.watched[1].key)
    (left,) = shift.open_page(conn, END + 2 * HOUR).watched
    assert (left.text, left.about) == (
        "vẫn đục",
        {"key": left.key, "kind": "note", "station": None, "text": "nước đục"},
    )


def test_a_thousand_alarms_are_counted_whole_and_listed_in_part(book: World) -> None:
    conn = book.conn
    conn.execute("drop index alarm_standing")  # several of one rule stand, for brevity
    conn.execute(MANY, {"here": HERE, "away": AWAY, "at": NOON})
    page = shift.open_page(conn, END)
    assert [page.total(ItemKind.ALARMS, what) for what in ("raised", "cleared", "standing", "all")] == [
        1000,
        900,
        100,
        50,
    ]
    listed = page.of(ItemKind.ALARMS)
    assert {station: sum(item.station == station for item in listed) for station in (HERE, AWAY)} == {
        HERE: shift_rows.MOST_A_STATION, AWAY: shift_rows.MOST_A_STATION,
    }  # fmt: skip
    assert (page.total(ItemKind.STANDING), len(page.of(ItemKind.STANDING))) == (100, 20), "all of one station"
    here = within(page, {HERE})
    assert (here.total(ItemKind.ALARMS, "raised"), here.total(ItemKind.STANDING)) == (500, 100)
    conn.execute("update shift set since = %s", [NOON - timedelta(days=60)])
    long = shift.open_page(conn, END)
    assert long.listed_since == END - shift.LONGEST
    assert long.total(ItemKind.ALARMS, "raised") == 1000
    conn.execute("analyze alarm_event")
    plan = conn.execute(
        f"explain {shift_rows.ALARMS}",
        {"grace": END, "since": END, "until": END + HOUR, "until_grace": END, "told_events": [], "tells_events": None},
    ).fetchall()
    assert "alarm_event_turn" in str(plan), plan


def test_stations_with_gaps_say_why(book: World) -> None:
    conn = book.conn
    for minute in range(1, 481):
        book.reading(NOON + minute * MINUTE, value=None if 100 < minute <= 200 else 5.0)
    conn.execute("update reading set state = %s where value is null", [int(State.MAINT)])
    conn.execute(
        """insert into hourly (channel_id, time, count, received, expected)
           select channel_id, date_trunc('hour', time - interval '1 us'), count(value), count(*), 60
           from reading group by 1, 2"""
    )
    conn.execute("insert into ledger (station, epoch, last_seen_at) values (%s, 'e', now())", [HERE])
    conn.execute("update station set in_service = %s where station = %s", [NOON - 48 * HOUR, HERE])
    (item,) = (one for one in shift.open_page(conn, END).of(ItemKind.GAPS) if one.station == HERE)
    assert (item.facts["online"], item.facts["expected"], item.facts["counted"]) == (True, 480, 380)
    ((cause, readings),) = ((one["cause"], one["readings"]) for one in item.facts["causes"])
    assert (cause, readings) == ("maintenance", 100)


def test_the_commands_do_the_same(book: World, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)
    book.conn.execute("update shift set since = %s", [datetime.now(UTC) - 8 * HOUR])
    alarm = raise_alarm(book.conn, datetime.now(UTC) - HOUR)
    number = shift.open_shift(book.conn).shift_id

    def run(*words: str) -> str:
        found = CliRunner().invoke(app, words)
        assert found.exit_code == 0, (words, found.output, found.exception)
        return found.output

    shown = run("show")
    for words in (f"shift {number}, open since", "1 alarms raised", f"[alarm {alarm}] at {HERE}: Low oxygen"):
        assert words in shown, shown
    run("note", "gọi lại", "--item", f"alarm {alarm}", "--station", HERE, "--watch", "--person", "An")
    assert "Low oxygen" in run("show").partition("To watch")[2]
    assert f"shift {number} handed over, digest" in run("hand-over", "--person", "An", "--remark", "giữ máy")
    assert "nobody has taken over" in run("list")
    assert f"shift {number} taken over by Bình" in run("take-over", "--person", "Bình")
    assert "giữ máy" in run("show", str(number))
    assert json.loads(run("show", str(number), "--json"))["person"] == "An"
    assert [row["taken_by"] for row in json.loads(run("list", "--json"))] == ["Bình"]
