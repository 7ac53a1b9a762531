"""The checker's sentences in Vietnamese."""

import re
from pathlib import Path

import pytest

from dashboards.console.problem_words import problem_words

ENGLISH = re.compile(r"\b(found|allowed|did you mean|nothing|the|an|of|that|which|with|or|on)\b")
BAD = Path(__file__).parents[1] / "config" / "bad"


@pytest.mark.parametrize(
    ("english", "vietnamese"),
    [
        ("found 'sond', allowed sonde, gauge; did you mean 'sonde'?",
         "đang là 'sond'; cần sonde, gauge; có phải là 'sonde'?"),
        ("found nothing, allowed a duration such as 12h", "còn thiếu; cần khoảng thời gian, ví dụ 12h"),
        ("found '3,05', write 3.05: a decimal point, no comma",
         "đang là '3,05'; hãy viết 3.05: dấu chấm thập phân, không dùng dấu phẩy"),
        ("found this key a second time (first in line 3), allowed once", "khóa đã có ở dòng 3; chỉ viết một lần"),
        ("found mapping values are not allowed here, allowed one YAML 1.2 document",
         "thừa một dấu hai chấm, hoặc dòng thụt vào không đúng; cần một tài liệu YAML 1.2 đúng cú pháp"),
        ("found 'text, allowed a number', allowed a number", "đang là 'text, allowed a number'; cần số"),
    ],
)  # fmt: skip
def test_frequent_sentences_read_as_vietnamese_and_what_is_quoted_stays(english: str, vietnamese: str) -> None:
    assert problem_words(english, "vi") == vietnamese
    assert problem_words(english, "en") == english


def test_no_sentence_about_a_bad_file_keeps_its_english_frame() -> None:
    said = [line for bad in BAD.glob("*.yaml") for line in bad.read_text("utf-8").splitlines() if "# expect: " in line]
    assert len(said) > 60
    for line in said:
        vietnamese = problem_words(line.partition("# expect: ")[2], "vi")
        words = re.sub(r"""^\S+: (\S+: )?|'[^']*'|"[^"]*"|`[^`]*`|{[^}]*}""", "", vietnamese)
        assert not ENGLISH.search(words), words


@pytest.mark.parametrize(
    ("english", "vietnamese"),
    [
        ("act: limit 90 is outside the plausible 0 to 20", "act: ngưỡng 90 nằm ngoài khoảng hợp lý 0 đến 20"),
        ("act: limit -1 is outside the instrument's 0 to 20", "act: ngưỡng -1 nằm ngoài dải đo của thiết bị 0 đến 20"),
        ("watch: no station has a channel that it watches", "watch: không trạm nào có kênh mà quy tắc theo dõi"),
        ("act: no route tells farmers, staff of severity low",
         "act: không tuyến báo nào báo cho farmers, staff về mức low"),
        ("act: on_delay is longer than the 60 minutes in force: never rises",
         "act: on_delay dài hơn 60 phút có hiệu lực: không bao giờ báo"),
        ("st-a/do: do-worse has the same limit, below 3", "st-a/do: quy tắc do-worse có cùng ngưỡng, below 3"),
        ("sms (raised, vi): 170 characters at st-a, 2 messages; 160 fit one",
         "sms (raised, vi): 170 ký tự ở st-a, thành 2 tin; một tin chứa được 160"),
        ("st-a: in_service: 2027-01-01 is in the future; until then its agent sends nothing",
         "st-a: in_service: 2027-01-01 còn ở tương lai; đến ngày đó trạm mới gửi số liệu"),
        ("st-a: buses.a.port: /dev/ttyUSB0 may be another adapter after a restart; write its name in /dev/serial/by-id",
         "st-a: buses.a.port: /dev/ttyUSB0 có thể là bộ chuyển khác sau khi khởi động lại; "
         "hãy ghi tên của nó trong /dev/serial/by-id"),
        ("st-a: location: 9.4, 16.1 is 9876 km from the middle of the network; is it right?",
         "st-a: location: 9.4, 16.1 cách giữa mạng 9876 km; có đúng không?"),
        ("st-a: spool.keep: found 30 days, Circular 10/2021/TT-BTNMT (article 39) wants 60 or more",
         "st-a: spool.keep: đang là 30 ngày; Thông tư 10/2021/TT-BTNMT (Điều 39) yêu cầu từ 60 ngày trở lên"),
        ("rule ph-river: limit qcvn-08-2023/ph/b is unconfirmed: read it in QCVN 08:2023/BTNMT",
         "quy tắc ph-river: giới hạn qcvn-08-2023/ph/b chưa được xác nhận: hãy đọc trong QCVN 08:2023/BTNMT"),
        ("tags that no rule selects: shrimp", "nhãn chưa quy tắc nào chọn: shrimp"),
        ("channels that no rule watches, though rules watch their parameter elsewhere: st-a/do",
         "kênh chưa quy tắc nào theo dõi, dù thông số này có quy tắc ở nơi khác: st-a/do"),
        ("parameters that no rule watches: ph", "thông số chưa quy tắc nào theo dõi: ph"),
    ],
)  # fmt: skip
def test_what_a_check_of_rules_finds_reads_as_vietnamese(english: str, vietnamese: str) -> None:
    assert problem_words(english, "vi") == vietnamese
