"""The tests that share something expensive stay on one worker, and begin first."""

from functools import partial
from pathlib import Path

import pytest

from tests.fixtures.workers import TOGETHER, Scheduling

PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize("module", TOGETHER)
def test_modules_that_stay_together_exist_and_are_one_unit_of_work(module: str) -> None:
    assert (PROJECT / module).is_file()
    split = partial(Scheduling._split_scope, Scheduling.__new__(Scheduling))
    assert split(f"{module}::test_one") == split(f"{module}::TestMore::test_other[a::b]") == module
    assert split("tests/unit/other.py::test_one") == "tests/unit/other.py::test_one"


def test_they_are_collected_first_in_their_order(request: pytest.FixtureRequest) -> None:
    found = list(dict.fromkeys(item.nodeid.partition("::")[0] for item in request.session.items))
    wanted = [module for module in TOGETHER if module in found]
    assert found[: len(wanted)] == wanted
