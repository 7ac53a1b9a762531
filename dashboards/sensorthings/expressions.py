"""Reads expressions of `$filter` and `$orderby` into trees: recursive descent over the words. Pure.

Operators bind as OData says, from the loosest: or, and, eq ne, gt ge lt le, add sub, mul div mod, not and minus.
"""

from __future__ import annotations

from typing import Final

from dashboards.sensorthings.lexer import Word, words_of
from dashboards.sensorthings.syntax import Application, BadExpression, Literal, Node, Path

LEVELS: Final = (("or",), ("and",), ("eq", "ne"), ("gt", "ge", "lt", "le"), ("add", "sub"), ("mul", "div", "mod"))
"""Operators of two sides, the loosest first."""
CONSTANTS: Final = {"true": True, "false": False, "null": None}
DEEPEST: Final = 40
"""Levels of parentheses, functions and signs."""
MOST_PARTS: Final = 200
"""Operators, functions, properties and values of one expression."""


def parse_filter(text: str) -> Node:
    """Return the tree of a filter. Raises BadExpression."""
    reader = _Reader(text)
    found = reader.expression(0)
    reader.expect("end", "")
    return found


def parse_order(text: str) -> list[tuple[Node, bool]]:
    """Return the trees of `$orderby`, each with whether it descends. Raises BadExpression."""
    reader, found = _Reader(text), list[tuple[Node, bool]]()
    while True:
        node, descends = reader.expression(0), False
        if reader.word.kind == "word" and reader.word.text.lower() in ("asc", "desc"):
            descends = reader.take().text.lower() == "desc"
        found.append((node, descends))
        if reader.word.text != "," or reader.word.kind != "sign":
            reader.expect("end", "")
            return found
        reader.take()


class _Reader:
    """Takes words one after the other."""

    def __init__(self, text: str) -> None:
        self._words = words_of(text)
        self.word: Word = next(self._words)
        self._depth = self._parts = 0

    def take(self) -> Word:
        """Return the word and go on to the next one."""
        taken = self.word
        if taken.kind != "end":
            self.word = next(self._words)
        return taken

    def expect(self, kind: str, text: str) -> Word:
        """Take a word that must be there. Raises BadExpression."""
        if self.word.kind != kind or (text and self.word.text != text):
            raise BadExpression(f"found {_shown(self.word)}, expected {text or 'the end or an operator'}", self.word.at)
        return self.take()

    def expression(self, level: int) -> Node:
        """Return what operators of this level and tighter ones make. Raises BadExpression."""
        if level == len(LEVELS):
            return self._signed()
        left = self.expression(level + 1)
        while self.word.kind == "word" and self.word.text in LEVELS[level]:
            operator = self.take()
            left = Application(operator.text, (left, self.expression(level + 1)), operator.at)
        return left

    def _signed(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadExpression(f"found more than {DEEPEST} levels, expected fewer", self.word.at)
        word, is_sign = self.word, self.word.kind == "sign"
        if word.kind == "word" and word.text == "not":
            self.take()
            found: Node = Application("not", (self._signed(),), word.at)
        elif is_sign and word.text == "-":
            self.take()
            found = Application("minus", (self._signed(),), word.at)
        elif is_sign and word.text == "(":
            self.take()
            found = self.expression(0)
            self.expect("sign", ")")
        else:
            found = self._primary()
        self._depth -= 1
        return found

    def _primary(self) -> Node:
        word = self.take()
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise BadExpression(f"found more than {MOST_PARTS} properties and values, expected fewer", word.at)
        if word.kind == "literal":
            return Literal(word.value, word.at)
        if word.kind != "word":
            raise BadExpression(f"found {_shown(word)}, expected a property, a function or a value", word.at)
        if word.text in CONSTANTS:
            return Literal(CONSTANTS[word.text], word.at)
        if self.word.kind == "sign" and self.word.text == "(":
            return Application(f"{word.text}()", self._arguments(), word.at)
        parts = [word.text]
        while self.word.kind == "sign" and self.word.text == "/":
            self.take()
            parts.append(self.expect("word", "").text)
        return Path(tuple(parts), word.at)

    def _arguments(self) -> tuple[Node, ...]:
        self.expect("sign", "(")
        found = list[Node]()
        if self.word.kind == "sign" and self.word.text == ")":
            self.take()
            return ()
        while True:
            self._depth += 1
            found.append(self.expression(0))
            self._depth -= 1
            if self.word.kind == "sign" and self.word.text == ",":
                self.take()
                continue
            self.expect("sign", ")")
            return tuple(found)


def _shown(word: Word) -> str:
    return "the end" if word.kind == "end" else repr(word.text[:40])
