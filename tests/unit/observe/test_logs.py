"""What a log line looks like, on a terminal and off it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from quantrac.observe import logs


@pytest.fixture(autouse=True)
def _restore_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_off_a_terminal_each_event_is_one_json_object_with_its_values() -> None:
    out = io.StringIO()
    logs.configure(None, stream=out)
    logs.logger("ingest.service").warning("message refused", station="st-my-thanh", reason="vượt khung giờ")
    line = json.loads(out.getvalue())
    assert (line["event"], line["level"], line["station"]) == ("message refused", "warning", "st-my-thanh")
    assert "vượt khung giờ" in out.getvalue()
    assert line["timestamp"].endswith("Z")


def test_a_traceback_stays_inside_its_json_line() -> None:
    out = io.StringIO()
    logs.configure("json", stream=out)
    try:
        raise KeyError("do")
    except KeyError:
        logs.logger("edge").exception("batch failed")
    assert out.getvalue().count("\n") == 1
    assert "KeyError: 'do'" in json.loads(out.getvalue())["exception"]


def test_libraries_that_log_by_the_standard_module_take_the_same_form() -> None:
    out = io.StringIO()
    logs.configure("json", stream=out)
    logging.getLogger("pymodbus").warning("no reply from %s", 7)
    logging.getLogger("httpx").info("a line a request is too much")
    assert json.loads(out.getvalue())["event"] == "no reply from 7"


def test_a_terminal_gets_text_unless_json_is_asked_for() -> None:
    assert logs.format_for(None, Terminal()) == "text"
    assert logs.format_for("", io.StringIO()) == "json"
    assert logs.format_for("json", Terminal()) == "json"
    with pytest.raises(ValueError, match="found 'xml', allowed json, text"):
        logs.format_for("xml", Terminal())
