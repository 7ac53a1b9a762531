"""No test fails by chance: it waits for a state, with patience, never for a time, and looks at no page only once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
TESTS = {
    path.relative_to(PROJECT).as_posix(): path.read_text("utf-8")
    for folder in ("acceptance", "fixtures", "integration", "unit")
    for path in sorted((PROJECT / "tests" / folder).rglob("*.py"))
    if "installation" not in path.parts and path.name != "images.py"
}
"""Without what people start by themselves."""
PATIENCE_S = 30
"""What comes within a second on a quiet machine takes ten on a busy one; a passing test waits no longer for it."""
WAITS = {"eventually": 1, "holds": 1, "wait_subscribed": 0, "result": 0, "communicate": 0}
"""Functions that wait, and which of their arguments says how many seconds."""
LOOKS = {
    "all_inner_texts", "all_text_contents", "count", "get_attribute", "inner_html", "inner_text", "input_value",
    "is_checked", "is_disabled", "is_enabled", "is_hidden", "is_visible", "text_content",
}  # fmt: skip
"""Methods that tell what a page shows at that moment."""
MEASURES = ("documentElement.scrollWidth", "body.scrollWidth")
MEASURED_IN = (
    "tests/fixtures/page_timing.py", "tests/acceptance/test_every_page.py", "tests/unit/repository/test_patience.py",
)  # fmt: skip
"""Where the width of a page is asked for, when it has heard of its window's."""
SET_IN = "tests/acceptance/conftest.py"
FOR_EVER = {"acquire", "communicate", "get", "join", "notifies", "recv", "result", "wait"}
"""Methods that wait for ever unless they are told how long."""
NO_WAITS = ("cluster.join", "network.wait")
RUNS = ("subprocess.run", "subprocess.check_call", "subprocess.check_output")
KNOWN = ("connected", "subscribed")
"""What a client knows of its connection."""
PAUSES = {
    # between two looks
    "tests/acceptance/conftest.py": 1, "tests/fixtures/page_timing.py": 1, "tests/integration/database/test_feed.py": 2,
    "tests/integration/edge_agent/centre.py": 1, "tests/integration/edge_agent/test_bad_text_lines.py": 2,
    "tests/integration/edge_agent/test_concurrent_sensors.py": 1, "tests/integration/edge_agent/test_killed.py": 1,
    "tests/integration/edge_agent/test_lines_that_go_away.py": 3, "tests/integration/edge_agent/test_modbus_tcp.py": 1,
    "tests/integration/ingest/test_memory.py": 1, "tests/integration/edge_agent/tally_lines.py": 3,
    # the other side takes its time
    "tests/fixtures/proxy.py": 1, "tests/integration/edge_agent/test_foreign_modbus.py": 2,
    "tests/integration/edge_agent/test_second_master.py": 4, "tests/integration/ingest/test_wrong_clocks.py": 1,
    # something is killed at some moment
    "tests/acceptance/test_demo.py": 1, "tests/integration/alerts/test_service.py": 2,
    "tests/integration/edge_agent/test_with_ingest.py": 1, "tests/integration/ingest/test_consumers_in_chaos.py": 3,
    "tests/integration/ingest/test_faults.py": 4,
    # nothing is to come meanwhile
    "tests/integration/console/test_console.py": 2, "tests/integration/console/test_strangers.py": 1,
    "tests/integration/edge_agent/test_store_and_forward.py": 4, "tests/integration/ingest/test_misfits.py": 1,
    "tests/integration/mqtt/test_session.py": 4, "tests/integration/simulators/test_faults_on_lines.py": 1,
    "tests/integration/simulators/test_simulate.py": 3,
}  # fmt: skip
"""Files that pause, and how often, by the reasons that there are."""


def faults_of(source: str, pauses: int = 0, *, may_set: bool = False, may_measure: bool = False) -> Iterator[str]:
    """Yield what may fail by chance in a module of the tests, with its line."""
    tree, has_pages = ast.parse(source), "playwright" in source
    found = [call for call in ast.walk(tree) if isinstance(call, ast.Call)]
    if (number := sum(map(_is_pause, found))) != pauses:
        yield f"{number} pauses, expected {pauses}: wait for a state (`eventually`), or name the file in PAUSES"
    for call in found:
        if (shortest := _shortest_s(call, has_pages)) is not None and shortest < PATIENCE_S:
            yield f"line {call.lineno}: {_name(call)} waits {shortest:g} s: give it at least {PATIENCE_S}"
        if _name(call) in ("set_options", "set_default_timeout") and not may_set:
            yield f"line {call.lineno}: {_name(call)}: pages are patient already ({SET_IN})"
    for asserted in ast.walk(tree):
        if has_pages and isinstance(asserted, ast.Assert):
            looks = [look for look in ast.walk(asserted.test) if isinstance(look, ast.Call) and _is_look(look)]
            yield from (f"line {look.lineno}: assert with {_name(look)} looks once: use expect(…)" for look in looks)
    if has_pages:
        yield from _of_pages(tree, may_measure=may_measure)
    yield from _of_waits(tree)
    yield from _of_restarts(tree)


def _of_waits(tree: ast.Module) -> Iterator[str]:
    """A wait that nothing ends; what is awaited ends by the time of the test, but for a process."""
    awaited = {node.value for node in ast.walk(tree) if isinstance(node, ast.Await)}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and call not in awaited and _is_unbounded(call):
            yield f"line {call.lineno}: {_name(call)} may wait for ever: say how long (PATIENCE_S, ended, killed)"
        if isinstance(call, ast.With) and any("Popen(" in ast.unparse(item.context_expr) for item in call.items):
            yield f"line {call.lineno}: with waits for ever for the end of a process: use killed"


def _is_unbounded(call: ast.Call) -> bool:
    told = any(word.arg in ("timeout", "timeout_s") for word in call.keywords)
    if ast.unparse(call.func) in RUNS:
        return not told
    is_wait = isinstance(call.func, ast.Attribute) and call.func.attr in FOR_EVER
    return is_wait and not (told or call.args or ast.unparse(call.func) in NO_WAITS)


def _of_pages(tree: ast.Module, *, may_measure: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and any(one in str(node.value) for one in MEASURES) and not may_measure:
            yield f"line {node.lineno}: a page that has not heard of its window's size is too wide: use SIDEWAYS"
        if isinstance(node, ast.FunctionDef):
            moves = [call for call in ast.walk(node) if isinstance(call, ast.Call) and _of_mouse(call)]
            if moves and not any(_name(call) == "down" for call in moves):
                yield f"line {moves[0].lineno}: where it was a moment ago: point with hover(position=…)"


def _of_restarts(tree: ast.Module) -> Iterator[str]:
    """A client may not have noticed yet that its server was killed: it is still connected, as far as it knows."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for first, second, third in zip(body, body[1:], body[2:], strict=False):
            knows = any(isinstance(one, ast.Attribute) and one.attr in KNOWN for one in ast.walk(third))
            if (_called(first), _called(second), knows) == ("kill", "start", True):
                yield f"line {third.lineno}: it may not have noticed: wait between kill and start until it is gone"


def _called(statement: ast.stmt) -> str:
    return _name(statement.value) if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) else ""


def _of_mouse(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and getattr(call.func.value, "attr", "") == "mouse"


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_pause(call: ast.Call) -> bool:
    is_turn = bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
    return _name(call) in ("sleep", "wait_for_timeout") and not is_turn


def _is_look(call: ast.Call) -> bool:
    return (
        isinstance(call.func, ast.Attribute) and call.func.attr in LOOKS and not (_name(call) == "count" and call.args)
    )


def _shortest_s(call: ast.Call, has_pages: bool) -> float | None:
    """Return the shortest time that a call names as a number, seconds; Playwright's are milliseconds."""
    given = [word.value for word in call.keywords if word.arg in ("timeout", "timeout_s")]
    if (place := WAITS.get(_name(call))) is not None:
        given += call.args[place : place + 1]
    times = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, int | float)]
    of_page = has_pages and (_name(call).startswith(("to_", "not_to_", "wait_for")) or _name(call) in ("click", "fill"))
    return min((time / 1000 if of_page else time for time in times), default=None)


def test_no_test_fails_by_chance() -> None:
    found = {
        path: list(faults_of(source, PAUSES.get(path, 0), may_set=path == SET_IN, may_measure=path in MEASURED_IN))
        for path, source in TESTS.items()
    }
    assert {path: faults for path, faults in found.items() if faults} == {}
    assert set(PAUSES) <= set(TESTS)


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ("time.sleep(0.3)", "1 pauses"), ("await asyncio.sleep(1)", "1 pauses"),
        ("page.wait_for_timeout(50)", "1 pauses"),
        ("eventually(done, 20)", "eventually waits 20 s"), ("subprocess.run(words, timeout=10)", "run waits 10 s"),
        ("import playwright\nexpect(row).to_be_visible(timeout=5_000)", "to_be_visible waits 5 s"),
        ("import playwright\nassert page.locator('#x').is_visible()", "looks once"),
        ("import playwright\nassert rows.count() == 2", "looks once"),
        ("expect.set_options(timeout=60_000)", "patient already"),
        ("import playwright\nwide = 'document.documentElement.scrollWidth'", "use SIDEWAYS"),
        ("import playwright\ndef f():\n    page.mouse.move(1, 2)", "point with hover"),
        ("thread.join()", "for ever"), ("line = answers.get()", "for ever"), ("subprocess.run(words)", "for ever"),
        ("with subprocess.Popen(words) as child:\n    pass", "use killed"),
        ("broker.kill()\nbroker.start()\neventually(lambda: session.subscribed)", "may not have noticed"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(planted: str, words: str) -> None:
    assert [words in fault for fault in faults_of(planted)] == [True]


def test_what_waits_for_a_state_is_no_fault() -> None:
    right = "import playwright\nexpect(row).to_be_visible()\nassert found.count(1) == 2\nawait asyncio.sleep(0)\n"
    assert list(faults_of(f"{right}eventually(done)\nsubprocess.run(words, timeout=180)\nport.wait(SILENCE_S)")) == []
