"""What people read in the console's pages, made by the server: titles, refusals, numbers, drawings."""

import ast
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alerts.desk
from alerts.alarm.life import AlarmAct
from alerts.desk import DeskRefused
from alerts.people import contact_cells, contact_changes, contact_record, test_message
from alerts.people.inbox import Meaning
from alerts.telling import explanation
from dashboards.console import (
    account_page,
    accounts_page,
    alarm_actions,
    bulletins_page,
    check_turn,
    error_answers,
    exports_page,
    file_page,
    numbers,
    pictures,
    pushes,
    refusals,
    shift_words,
    station_page,
)
from dashboards.console.act_words import detail_line, object_words, reason_words
from dashboards.console.admission import Visitor
from dashboards.console.assets import HERE
from dashboards.console.curve import curve
from dashboards.console.equipment_page import answer_lines, channels_of
from dashboards.console.network_pages import described
from dashboards.console.scripts import modules_of, texts_of
from dashboards.console.snapshot import ChannelNow, Standing, with_alarms
from dashboards.console.texts import LANGUAGES, TEXTS, texts
from dashboards.console.texts.refusals import VIETNAMESE
from dashboards.console.titles import one_way, titles
from quantrac.config import config_folder
from quantrac.desks import (
    accounts,
    acts,
    bulletin_dispatch,
    bulletins,
    certificates,
    commands,
    config_files,
    corrections,
    entries,
    field_book,
    jobs,
    laboratory_file,
    laboratory_import,
    laboratory_results,
    network,
    passwords,
    review_rows,
    samples,
    saved_views,
    service_proposals,
    stages,
    trace,
    verdicts,
    withdrawals,
)
from quantrac.desks.shift_content import ItemKind, ShiftItem
from quantrac.telemetry import commands as signed_commands
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.words import counted
from reports import spans
from reports.bulletins import periods
from reports.completeness import days
from reports.disclosure import versions
from reports.disclosure import year as disclosed_year
from reports.exports import netcdf, selection, workbook
from reports.limits import report as limits_report
from tests.fixtures.written_numbers import GIVEN, NUMBERS

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def channel(name: str, parameter: str, device: str | None = None) -> ChannelNow:
    return ChannelNow(f"st-x/{name}", "st-x", name, parameter, "1", 60.0, 0, 1.0, "ok", 1, "{}", device=device)


def test_channels_have_titles_for_people_and_no_names_of_files() -> None:
    own = [
        channel("water_temp", "water_temp", "sonde"), channel("ph", "ph", "sonde"), channel("do_min", "do", "sonde"),
        channel("level_temp", "water_temp", "gauge"), channel("water_level", "water_level", "gauge"),
        channel("so2_24h", "so2"), channel("aqi_hour", "vn_aqi"), channel("strange", "unheard_of"),
        channel("sonde_error_rate", "error_rate"), channel("io_error_rate", "error_rate"),
    ]  # fmt: skip
    assert list(titles(own, "vi").values()) == [
        "Nhiệt độ nước", "pH", "Oxy hòa tan, nhỏ nhất", "Nhiệt độ nước (đầu đo mực nước)", "Mực nước",
        "SO2, trung bình 24 giờ", "VN_AQI, theo giờ", "unheard_of", "Lỗi đọc mỗi giờ (sonde)", "Lỗi đọc mỗi giờ (io)",
    ]  # fmt: skip
    assert titles(own, "en")["st-x/level_temp"] == "Water temperature (probe of water level)"


def test_a_name_loses_its_marks_of_direction_and_nothing_else() -> None:
    assert one_way("\u202eTrạm\u2067 Mỹ Thanh\u200f") == "Trạm Mỹ Thanh"


def test_refusals_are_in_the_language_and_the_time_of_the_reader() -> None:
    refused = DeskRefused("alarm {alarm} was acknowledged by {by} at {at}", alarm=7, by="An {x}", at=AT)
    assert str(refused) == "alarm 7 was acknowledged by An {x} at 2026-11-24 03:00:00Z"
    assert refusals.refusal(refused, "vi", ZONE) == "cảnh báo 7 đã được An {x} xác nhận lúc 10:00:00 24/11/2026"
    assert refusals.refusal(refused, "en", ZONE) == "alarm 7 was acknowledged by An {x} at 10:00:00 24/11/2026"
    assert refusals.refusal(QuantracError("no words for it"), "vi", ZONE) == "no words for it"


@pytest.mark.parametrize(
    ("module", "elsewhere", "least"),
    [
        (alerts.desk, (), 12), (alarm_actions, (), 2), (error_answers, (), 2), (station_page, (), 2), (pictures, (), 1),
        (commands, (), 8), (account_page, (), 1), (signed_commands, ("BadCommand",), 3),
        (review_rows, (), 6), (verdicts, (), 2), (corrections, (), 5), (withdrawals, (), 1), (acts, (), 1),
        (stages, (), 5), (trace, (), 3), (days, (), 2), (spans, (), 1), (limits_report, (), 1),
        (disclosed_year, (), 3), (versions, (), 2),
        (selection, (), 4), (workbook, (), 1), (netcdf, (), 3), (exports_page, (), 1),
        (entries, (), 7), (field_book, (), 5),
        (certificates, (), 3), (samples, (), 5), (jobs, (), 3),
        (bulletin_dispatch, (), 6), (bulletins, (), 10), (periods, (), 2), (bulletins_page, (), 1),
        (laboratory_results, (), 4), (laboratory_file, (), 8),
        (laboratory_import, (), 3),
        (contact_cells, ("ContactRefused", "ContactsRefused"), 12), (contact_record, (), 4), (contact_changes, (), 2),
        (test_message, (), 6),
        (explanation, (), 3),
        (config_files, (), 10), (config_folder, (), 6), (network, (), 1), (pushes, (), 2), (file_page, (), 3),
        (check_turn, (), 1), (saved_views, (), 9), (accounts, (), 10), (accounts_page, (), 1),
    ],
)  # fmt: skip
def test_every_refusal_that_a_page_may_show_exists_in_vietnamese_with_the_same_placeholders(
    module: ModuleType, elsewhere: tuple[str, ...], least: int
) -> None:
    """`elsewhere`: errors of the module that no page shows."""
    assert module.__file__ is not None
    said = [
        call.args[0]
        for call in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id not in elsewhere
        if isinstance(kind := getattr(module, call.func.id, None), type) and issubclass(kind, QuantracError)
    ]
    assert len(said) >= least
    for words in said:
        english = ast.literal_eval(words)  # a sentence with placeholders, not one that is put together
        placeholders = [set(re.findall(r"{(\w+)}", text)) for text in (english, VIETNAMESE[english])]
        assert placeholders[0] == placeholders[1], english


@pytest.mark.parametrize(
    ("accepted", "language"), [("vi", "vi"), ("vi-VN,vi;q=0.9,en", "vi"), ("en-GB,vi", "en"), ("", "en"), (None, "en")]
)
def test_a_page_says_its_language_and_a_program_reads_english(accepted: str | None, language: str) -> None:
    assert refusals.language_of(accepted) == language


def test_what_is_wrong_with_a_form_is_named_in_its_words() -> None:
    long: dict[str, Any] = {
        "loc": ("body", "reason"), "type": "string_too_long", "msg": "String should …", "ctx": {"max_length": 400},
    }  # fmt: skip
    said = "Value error, found nothing to read, expected words"
    ours = {"loc": ("body", "device"), "type": "value_error", "msg": said}
    assert refusals.misunderstanding([long, ours], "vi") == "Lý do: nhiều nhất 400 ký tự; device: chưa có chữ nào"
    assert refusals.misunderstanding([ours], "en") == "device: found nothing to read, expected words"


def test_the_server_writes_numbers_as_the_browser_does() -> None:
    assert [numbers.number(value, decimals, lang) for value, decimals, lang, _ in NUMBERS] == [
        text for *_, text in NUMBERS
    ]
    assert [numbers.given(limit, lang) for limit, lang, _ in GIVEN] == [text for *_, text in GIVEN]


@given(st.floats(min_value=-1e6, max_value=1e6).map(lambda value: round(value, 4)))
def test_a_limit_is_written_as_it_was_given(limit: float) -> None:
    assert float(numbers.given(limit, "en")) == limit


def drawing(
    values: list[float | None], doubtful: dict[int, float] | None = None, limit: float | None = 3.0
) -> str | None:
    first = (AT - timedelta(minutes=len(values))).timestamp()
    series = {
        "t": [first + 60 * i for i in range(len(values))],
        "mean": values,
        "suspect": [(doubtful or {}).get(i) for i in range(len(values))],
        "fail": [None] * len(values),
    }
    return curve(series, limit, AT, ZONE, 2, 'Oxy "thấp" <b>', "vi")


def test_a_drawing_has_curve_limit_and_moment_keeps_gaps_and_no_markup_of_others() -> None:
    drawn = drawing([5 + math.sin(i / 9) for i in range(60)] + [None] * 5 + [2.0] * 60, {10: 1e300, 20: 4.0})
    assert drawn is not None
    assert drawn.count("M") == 2
    assert drawn.count('class="limit"') == drawn.count('class="moment"') == 1
    assert drawn.count("×") == 1
    assert "&quot;thấp&quot; &lt;b&gt;" in drawn
    assert "style=" not in drawn
    assert "10:00" not in drawn
    assert "24/11" in drawn
    numbers_drawn = [float(n) for n in re.findall(r'[xy][12]?="([-\d.]+)"', drawn)]
    assert all(0 <= n <= 640 for n in numbers_drawn)
    assert re.findall(r'"end"[^>]*>([^<]*)', drawn) == ["2", "3", "4", "5", "6"]
    large = drawing([2e7, 20_001_000.0], limit=None)
    assert re.findall(r'"end"[^>]*>([^<]*)', str(large)) == [  # with three digits all would read 2,00 × 10⁷
        "1,996 × 10⁷", "1,998 × 10⁷", "2,000 × 10⁷", "2,002 × 10⁷", "2,004 × 10⁷",
    ]  # fmt: skip
    assert drawing([None, None]) is None
    assert drawing([4.0], limit=None) is not None


def test_the_worst_alarm_on_a_channel_is_the_one_its_tile_has() -> None:
    standing = [
        Standing("st-x", "st-x/do", "low", False, 4.0, 1),
        Standing("st-x", "st-x/do", "critical", False, 2.0, 1),
        Standing("st-x", None, "high", True, None, 1),
    ]
    found = with_alarms([channel("do", "do"), channel("ph", "ph")], standing)
    assert [(one.alarm, one.limit) for one in found] == [("critical", 2.0), (None, None)]


ROOMS = [Path(__file__).parents[3] / room for room in ("alerts", "dashboards", "ingest", "quantrac")]


def calls_of(name: str, *files: Path) -> list[ast.Call]:
    texts_of_files = [file.read_text(encoding="utf-8") for file in files]
    trees = [ast.parse(text) for text in texts_of_files if f"{name}(" in text]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) == name]


def alarm_events() -> set[str]:
    """Return the words of all acts that the desk of alarms does."""
    done = ast.walk(ast.parse(Path(alerts.desk.__file__).read_text(encoding="utf-8")))
    named = {one.attr for one in done if isinstance(one, ast.Attribute) and ast.unparse(one.value) == "AlarmAct"}
    return {AlarmAct[name].event for name in named}


def words_of(argument: ast.expr) -> set[str]:
    """Return the words that a call of `audit.record` may give, by how the code writes them."""
    if isinstance(argument, ast.Constant):
        return {str(argument.value)}
    desks = (verdicts.__file__, corrections.__file__, withdrawals.__file__, service_proposals.__file__)
    reviewed = [call.args[3] for call in calls_of("record", *map(Path, desks))]
    return {
        "act.event": alarm_events(), "AlarmAct.SHELVE.event": {"shelved"}, "AlarmAct.UNSHELVE.event": {"unshelved"},
        "changed": {"edit", "take back"}, "ISSUED": {commands.ISSUED}, "ANSWERED": {commands.ANSWERED},
        "answer.meaning.value": {Meaning.STOP.value, Meaning.START.value},
        "action": {str(one.value) for one in reviewed if isinstance(one, ast.Constant)},
        "act": {call.args[3].value for call in calls_of("_audit", Path(stages.__file__))},  # type: ignore[attr-defined]
    }[ast.unparse(argument)]  # fmt: skip


def test_every_act_and_object_that_the_audit_gets_has_a_word_in_both_languages() -> None:
    files = [file for room in ROOMS for file in room.rglob("*.py")]
    recorded = calls_of("audit.record", *files)
    acts = {word for call in recorded for word in words_of(call.args[3])}
    assert {"import", "acknowledged", "flag", "withdraw", "command", "stop", "sign in"} <= acts
    assert {act for act in acts if f"did_{act}" not in TEXTS} == set()
    objects = {ast.unparse(call.args[4]).removeprefix("f").strip("'\"").partition("{")[0].strip() for call in recorded}
    assert {"account", "alarm", "dead letter", "review"} <= objects
    entered = {book.noun for book in (field_book.VISITS, certificates.CERTIFICATES, samples.SAMPLES)}
    in_code = objects - {"subject", "_place(station, device)"} | {"station", "device", "channel"} | entered
    assert {name for name in in_code if f"object_{name}" not in TEXTS} == set()


@pytest.mark.parametrize(
    ("recorded", "vi"),
    [
        ("account an.tran", "tài khoản an.tran"), ("station st-x", "trạm st-x"), ("alarm 17", "cảnh báo 17"),
        ("dead letter 3", "bản tin hỏng 3"), ("network", "mạng quan trắc"), ("stationary", "stationary"),
        ("review 3 of st-x/do", "lần duyệt số liệu 3 của st-x/do"), ("token cổng of tỉnh", "mã truy cập cổng of tỉnh"),
    ],
)  # fmt: skip
def test_what_an_act_was_done_to_is_named_in_the_language_of_the_page(recorded: str, vi: str) -> None:
    assert object_words(recorded, "vi") == vi
    assert object_words(recorded, "en") == recorded


@pytest.mark.parametrize(
    ("recorded", "vi"),
    [
        ("until 2026-11-24 05:00:00Z: vệ sinh", "đến 12:00 24/11/2026: vệ sinh"),
        (
            "from 2026-11-23 18:00:00Z until 2026-11-24 05:00:00Z: thay đầu đo",
            "từ 01:00 24/11/2026 đến 12:00 24/11/2026: thay đầu đo",
        ),
        ("until tomorrow: x", "until tomorrow: x"),
        ("until 2026-02-30 10:00:00Z: x", "until 2026-02-30 10:00:00Z: x"),
        ("until 9999-12-31 23:59:59Z: x", "until 9999-12-31 23:59:59Z: x"),
    ],
)
def test_until_when_something_was_set_aside_is_told_by_the_clocks_of_the_reader(recorded: str, vi: str) -> None:
    assert reason_words(recorded, "vi", ZONE) == vi


def test_a_station_in_an_act_has_its_name_but_a_file_keeps_its_own() -> None:
    names = {"st-a": ["Trạm A", "Station A"], "st-a-2": ["Trạm A 2", "Station A 2"]}

    def words(station: str, act: str, recorded: str) -> tuple[str, str]:
        facts = {"act": act, "object": recorded, "person": "An", "reason": ""}
        item = ShiftItem("act 1", ItemKind.CONFIGURATION, station, datetime(2026, 11, 24, tzinfo=UTC), facts)
        return shift_words.words_of(item, shift_words.Reader("vi", ZONE, names))[:2]

    assert words("st-a", "edit", "file stations/st-a.yaml") == ("Sửa tệp stations/st-a.yaml", "Trạm A")
    assert words("st-a", "edit", "file demo/stations/st-a.yaml") == ("Sửa tệp demo/stations/st-a.yaml", "Trạm A")
    assert words("st-a-2", "apply", "station st-a-2") == ("Áp dụng cấu hình trạm Trạm A 2", "")
    assert words("st-a", "review", "st-a/do")[1] == "Trạm A"


def test_the_detail_of_an_act_is_one_line() -> None:
    found = detail_line({"roles": ["operator at st-a", "viewer"], "id": 3, "outcome": {"ok": True}, "stations": None})
    assert found == "roles: operator at st-a, viewer; id: 3; outcome: (ok: True); stations: –"


def test_a_text_for_one_and_for_many_stands_behind_its_count_only() -> None:
    assert [counted(count, "alarm|alarms") for count in (0, 1, 2)] == ["0 alarms", "1 alarm", "2 alarms"]
    assert counted(1, "cảnh báo") == "1 cảnh báo"
    of_two_forms = {key for key, (_, english) in TEXTS.items() if "|" in english}
    assert len(of_two_forms) > 15
    sources = [
        file for ending in ("py", "js", "html") for file in HERE.rglob(f"*.{ending}") if file.parent.name != "texts"
    ]
    for file in sources:
        for line in file.read_text(encoding="utf-8").splitlines():
            bare = re.sub(r"""counted\([^()]*?(\([^()]*\)[^()]*?)*\)|split\("\|"\)""", "", line)
            shown = of_two_forms & set(re.findall(r"""(?:TEXT\.|\bt\.|\[f?["'])(\w+)""", bare))
            assert not shown, f"{file.name} shows both forms: {line.strip()}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_says_whether_its_line_is_encrypted(language: str) -> None:
    loader = jinja2.FileSystemLoader(HERE / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.ChainableUndefined)
    environment.globals |= {"asset": str, "modules_of": modules_of, "texts_of": texts_of, "described": described}
    environment.globals["has_public_pages"] = bool
    names = ("one_way", "number", "given", "local_time", "object_words", "detail_line")
    environment.filters |= dict.fromkeys(names, lambda given, *_: given)
    words = texts("en" if language == "en" else "vi")
    pages = {"base.html", "wall.html", "plain.html"}
    whole = {path.name for path in (HERE / "templates").iterdir() if "<!doctype" in path.read_text()}
    assert whole - {"public_base.html"} == pages, "what is public is no secret, and asks for none"
    for name in pages:
        for is_encrypted in (True, False):
            shown = environment.get_template(name).render(
                t=words, lang=language, other="x", is_encrypted=is_encrypted, by=Visitor(None, "", (), ""), stations=[]
            )
            before_texts = shown.partition('<script type="application/json"')[0]
            assert (words["not_encrypted"] in before_texts) is not is_encrypted, name


def test_a_password_that_is_refused_is_told_why() -> None:
    for easy in ("an.tran.2026", "aabbccaabbcc"):
        with pytest.raises(passwords.PasswordRefused) as refused:
            passwords.check(easy, "an.tran")
        assert "tên đăng nhập, hoặc chỉ gồm vài ký tự lặp lại" in refused.value.words.vi
        assert "contains the login, or only a few different characters" in refused.value.words.en


def test_what_a_station_read_at_once_is_told_as_tiles_tell_it_not_by_names_of_files() -> None:
    channels = channels_of(
        {
            "measured": [{"id": "st-a/do", "title": "Oxy hòa tan", "unit": "mg/l", "decimals": 2, "states": None}],
            "housekeeping": [
                {"id": "st-a/door", "title": "Cửa tủ", "unit": "", "decimals": 0, "states": ("đóng", "mở")}
            ],
        }
    )
    read = [
        {"device": "sonde", "channel": "do", "value": 5.127, "unit": "mg/L", "state": "ok"},
        {"device": "sonde", "channel": "do", "value": 0.02, "unit": "mg/L", "state": "fault", "why": "E17"},
        {"device": "io", "channel": "door", "value": 1.0, "unit": "1", "state": "ok"},
        {"device": "io", "channel": "spare", "value": 0.5, "unit": "V", "state": "ok"},
    ]  # fmt: skip
    said = answer_lines({"do": "read"}, {"ok": True, "readings": read}, channels, "vi", ZoneInfo("Asia/Ho_Chi_Minh"))
    assert [*said] == [
        "Đã làm xong", "Oxy hòa tan: 5,13 mg/l", "Oxy hòa tan: 0,02 mg/l, Lỗi thiết bị E17", "Cửa tủ: mở",
        "io/spare: 0,500 V",
    ]  # fmt: skip
