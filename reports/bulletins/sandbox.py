"""The sandbox of templates: Jinja without loops over what was not given, and without texts that grow by themselves.

Steps are counted, and every text on the way to the page is measured before it is made: joined, filtered, repeated,
shown. What doubles itself forty times is refused at the doubling that goes too far.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import wraps
from types import FrameType
from typing import Any, Final

from jinja2 import nodes, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_join, do_replace
from jinja2.nodes import EvalContext
from jinja2.runtime import markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MOST_STEPS: Final = 400_000
"""Lines of templates that are carried out for one text; the longest shipped page takes a tenth."""
MOST_CHARACTERS: Final = 4_000_000
"""Of a text, finished or on the way."""
FILTERS: Final = frozenset({
    "capitalize", "count", "d", "default", "e", "escape", "first", "float", "groupby", "int", "join", "last", "length",
    "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "round", "safe", "select", "selectattr",
    "sort", "string", "sum", "title", "trim", "unique", "upper",
})  # fmt: skip
OF_TEXTS: Final = ("capitalize", "e", "escape", "lower", "safe", "string", "title", "trim", "upper")
"""Filters that make a text of what they get."""
TEXT_METHODS: Final = frozenset({"upper", "lower", "strip", "startswith", "endswith", "split", "splitlines"})
"""What a template may call of a text: nothing that pads, repeats or formats."""


class Sandbox(ImmutableSandboxedEnvironment):
    """What templates may do; `finalize` and `concat` are where Jinja shows a value and joins pieces."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, **given: Any) -> None:
        super().__init__(**given, finalize=_measured)
        kept = {name: self.filters[name] for name in FILTERS}
        self.filters = kept | {name: _bounded(kept[name]) for name in OF_TEXTS}
        self.filters |= {"join": _join, "replace": _replace}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply numbers alone, and only so large; `%` formats nothing; what `+` joins has a bound."""
        if operator == "+":
            _check(length_of(left) + length_of(right))
        elif not all(isinstance(one, int | float) and abs(one) < 1e12 for one in (left, right)) or operator == "**":
            raise SecurityError(f"found {operator} of something else than two numbers")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may use it: of texts few methods, of numbers and days none that writes them."""
        if callable(value) and isinstance(obj, str | int | float | date):
            return isinstance(obj, str) and attr in TEXT_METHODS
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Give no text its `format`: a width of it fills the memory."""

    def concat(self, pieces: Iterable[str]) -> str:
        """Return the pieces of a block, or of `{% set %}` with an end, as one text."""
        kept, length = [], 0
        for piece in pieces:
            kept.append(piece)
            length += len(piece)
            _check(length)
        return "".join(kept)

    @pass_eval_context
    def joined(self, about: EvalContext, *pieces: Any) -> str:
        """Return what `~` makes of its pieces."""
        _check(sum(map(length_of, pieces)))
        text: str = (markup_join if about.autoescape else str_join)(pieces)
        return text

    def measured(self, value: Any) -> Any:
        """Return a list, tuple or mapping of a template: what `sum` adds up, and `==` compares, is no longer."""
        return _measured(value)

    def _generate(self, source: nodes.Template, *args: Any, **given: Any) -> str:
        return super()._generate(_AskingUs().visit(source), *args, **given)


class _AskingUs(NodeTransformer):
    """Lets `~` and what is put together of several values ask the sandbox, which Jinja's own do not."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:  # noqa: N802  # Jinja names it
        self.generic_visit(node)
        return _asked("joined", node.nodes)

    def visit_List(self, node: nodes.List | nodes.Dict) -> nodes.Call:  # noqa: N802
        self.generic_visit(node)
        return _asked("measured", [node])

    visit_Dict = visit_List  # noqa: N815

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        return _asked("measured", [node]) if node.ctx == "load" else node


def _asked(method: str, given: list[nodes.Expr]) -> nodes.Call:
    """Return the call of a method of the sandbox."""
    own = nodes.EnvironmentAttribute(method, lineno=given[0].lineno)
    return nodes.Call(own, given, [], None, None, lineno=given[0].lineno)


def length_of(value: Any, most: int = MOST_CHARACTERS) -> int:
    """Return about how many characters a value has when it is shown; not much more than `most` is counted."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping):
        value = (one for pair in value.items() for one in pair)
    elif not isinstance(value, list | tuple | set | frozenset):
        return 1
    length = 0
    for one in value:
        length += 1 + length_of(one, most - length)
        if length > most:
            break
    return length


def _check(length: int) -> None:
    if length > MOST_CHARACTERS:
        raise SecurityError(f"the text grew beyond {MOST_CHARACTERS} characters")


def _measured(value: Any) -> Any:
    _check(length_of(value))
    return value


def _bounded(own: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that makes no long text of what it gets."""

    @wraps(own)
    def bounded(*given: Any, **named: Any) -> Any:
        _check(length_of(given))
        return own(*given, **named)

    return bounded


@pass_eval_context
def _join(about: EvalContext, values: Iterable[Any], between: str = "", attribute: str | int | None = None) -> str:
    every = list(values)
    _check(length_of(every) + len(every) * len(between))
    joined: str = do_join(about, every, between, attribute)
    return joined


@pass_eval_context
def _replace(about: EvalContext, text: str, old: str, new: str, count: int | None = None) -> str:
    _check(length_of(text))
    _check(len(str(text)) + str(text).count(old) * len(new))
    replaced: str = do_replace(about, text, old, new, count)
    return replaced


class StepBound:
    """Ends templates of this thread that take too many steps; other code of the thread is not counted."""

    def __init__(self, counts: Callable[[str], bool]) -> None:
        self._counts, self._steps = counts, 0
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _call(self, frame: FrameType, _: str, __: Any) -> Any:
        return self._step if self._counts(frame.f_code.co_filename) else None

    def _step(self, _: FrameType, __: str, ___: Any) -> Any:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise SecurityError(f"the template did not end within {MOST_STEPS} steps")
        return self._step
