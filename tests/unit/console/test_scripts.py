"""Which modules and texts a page is sent."""

from __future__ import annotations

import re

from dashboards.console.assets import HERE, without_comments
from dashboards.console.scripts import modules_of, texts_of
from dashboards.console.texts import GROUPS, TEXTS

SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in (HERE / "static").glob("*.js")}
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (HERE / "templates").glob("*.html")}


def test_a_page_loads_its_modules_and_what_they_import_once_and_nobody_else_s() -> None:
    found = modules_of("/vendor/uplot/uplot.iife.min.js console.js /static/0123456789ab/compare.js")
    assert found[:2] == ("console", "compare")
    assert {"plot", "spans", "range", "page"} <= set(found)
    assert not {"charts", "map", "workbench", "uplot", "min"} & set(found)
    assert len(found) == len(set(found))
    assert modules_of("") == ()


def test_a_page_is_sent_every_text_that_its_modules_name_and_few_others() -> None:
    for name, page in PAGES.items():
        modules = modules_of("console.js" + page)
        sent = texts_of(modules, "en")
        for module in modules:
            named = set(re.findall(r"\bTEXT\.(\w+)", SOURCES[module]))
            assert named - TEXTS.keys() == set(), f"{module}.js names what has no text"
            assert named <= sent.keys(), name
            begins = re.findall(r"\bTEXT\[`(\w+)\$", SOURCES[module])
            assert {key for key in TEXTS if key.startswith(tuple(begins))} <= sent.keys(), name
    overview = texts_of(modules_of("console.js" + PAGES["overview"]), "vi")
    assert {"stage_done_reviewed", "trace_title", "factor_scan", "bench_hint", "audit_none"} & overview.keys() == set()
    assert overview["live"] == "TRỰC TIẾP"
    assert len(overview) < len(TEXTS) / 2
    assert "state_fault" in texts_of(("bench_chart",), "vi"), "the name of a lane begins so"


def test_a_key_stands_in_one_group_and_is_no_method_that_a_template_would_find_instead() -> None:
    assert len(TEXTS) == sum(map(len, GROUPS))
    assert [key for key in TEXTS if hasattr(TEXTS, key)] == []


def test_a_module_is_sent_without_its_comments_and_line_by_line_as_it_stands() -> None:
    given = (
        "// Head.\n/**\n * @param {any} a\n */\nexport const of = (a) =>\n  // x\n  /** @type {any} */ (a); // end\n"
    )
    assert without_comments(given) == "\n\n\n\nexport const of = (a) =>\n\n   (a);\n"
    for name, source in SOURCES.items():
        sent = without_comments(source).split("\n")
        assert not [line for line in sent if re.search("@(param|type|returns)", line)], name
        for line, left in zip(source.split("\n"), sent, strict=True):
            is_words = line.strip().startswith(("//", "*")) or "/**" in line or "*/" in line
            assert is_words or left == line or line.startswith(f"{left} // "), f"{name}.js lost {line}"
