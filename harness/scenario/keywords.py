"""`-k EXPR`, as pytest has it: words that an id contains, `and`, `or`, `not` and brackets.

expression  and ("or" and)*
and         not ("and" not)*
not         "not" not | "(" expression ")" | word
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.errors import UsageError, shown

type Predicate = Callable[[str], bool]

_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")
_OPERATORS = frozenset({"and", "or", "not", "(", ")"})
_MAX_DEPTH = 50


def parse(expression: str) -> Predicate:
    """Make a predicate of an expression.

    Args:
        expression: Such as `idle and not twin`; a word holds for a text that contains it, in
            whatever case.

    Raises:
        UsageError: It is not such an expression.
    """
    tokens = [_Token(it[1], it.start(1) + 1) for it in _TOKEN.finditer(expression.rstrip())]
    return _Parser(expression, tokens).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    col: int


class _Parser:
    def __init__(self, expression: str, tokens: list[_Token]) -> None:
        self._expression = expression
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Predicate:
        predicate = self._or()
        if self._at < len(self._tokens):
            raise self._unexpected("and, or, or the end")
        return predicate

    def _or(self) -> Predicate:
        parts = [self._and(), *self._more("or", self._and)]
        return parts[0] if len(parts) == 1 else lambda text: any(part(text) for part in parts)

    def _and(self) -> Predicate:
        parts = [self._not(), *self._more("and", self._not)]
        return parts[0] if len(parts) == 1 else lambda text: all(part(text) for part in parts)

    def _more(self, operator: str, part: Callable[[], Predicate]) -> Iterator[Predicate]:
        while self._take(operator):
            yield part()

    def _not(self) -> Predicate:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UsageError(f"-k: expected at most {_MAX_DEPTH} levels in the expression")
        predicate = self._negated_or_plain()
        self._depth -= 1
        return predicate

    def _negated_or_plain(self) -> Predicate:
        if self._take("not"):
            negated = self._not()
            return lambda text: not negated(text)
        if self._take("("):
            inner = self._or()
            if not self._take(")"):
                raise self._unexpected(")")
            return inner
        if self._at == len(self._tokens) or self._tokens[self._at].text in _OPERATORS:
            raise self._unexpected("a word, not, or (")
        word = self._tokens[self._at].text.casefold()
        self._at += 1
        return lambda text: word in text.casefold()

    def _take(self, text: str) -> bool:
        is_next = self._at < len(self._tokens) and self._tokens[self._at].text == text
        self._at += is_next
        return is_next

    def _unexpected(self, expected: str) -> UsageError:
        if self._at == len(self._tokens):
            return UsageError(f"-k {shown(self._expression)}: expected {expected}, got the end")
        token = self._tokens[self._at]
        return UsageError(
            f"-k {shown(self._expression)}: column {token.col}: "
            f"expected {expected}, got {shown(token.text)}"
        )
