"""Reads C++ well enough for the rules: masks comments and literals, pairs brackets, tells a block from a braced
initializer and from a lambda's body, finds functions, lambdas and the full expression around a co_await.
Not a parser: it knows the shapes that clang-format leaves behind, and it ignores macros."""

import bisect
import dataclasses
import re

LITERAL = re.compile(
    r'//(?:\\\n|[^\n])*|/\*.*?\*/|R"([^()\s\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
SPECIFIERS = ("mutable", "noexcept", "constexpr", "const", "override", "final", "volatile")
TYPE_HEAD = re.compile(
    r"\s*(?:(?:export|typedef|static|inline|constexpr|const|\[\[.*?\]\])\s+)*"
    r"(?:class|struct|union|enum|namespace|extern)\b", re.DOTALL)


def mask(text):
    """The text with comments, literals and preprocessor lines blanked out, every position and line kept."""
    def blank(match):
        whole = match.group()
        quoted = whole[0] in "\"'R"
        inner = re.sub(r"[^\n]", " ", whole[1:-1] if quoted else whole)
        return f'"{inner}"' if quoted else inner
    return DIRECTIVE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), LITERAL.sub(blank, text))


@dataclasses.dataclass(frozen=True)
class Function:
    name: str
    first_line: int
    last_line: int

    @property
    def line_count(self):
        return self.last_line - self.first_line + 1


class CppText:
    def __init__(self, text):
        self.masked = mask(text)
        self._line_starts = [0] + [match.end() for match in re.finditer("\n", text)]
        self.partner = self._pair_brackets()

    def line(self, position):
        return bisect.bisect_right(self._line_starts, position)

    def _pair_brackets(self):
        opening, partner = [], {}
        for match in re.finditer(r"[()\[\]{}]", self.masked):
            position, bracket = match.start(), match.group()
            if bracket in "([{":
                opening.append(position)
                continue
            wanted = {")": "(", "]": "[", "}": "{"}[bracket]
            # After an #if/#else that opens twice, one opener has no partner: it is dropped.
            while opening and self.masked[opening[-1]] != wanted:
                opening.pop()
            if opening:
                partner[position] = opening[-1]
                partner[opening.pop()] = position
        return partner

    def _before(self, position):
        """The position of the last character before `position` that is not white space, or -1."""
        position -= 1
        while position >= 0 and self.masked[position].isspace():
            position -= 1
        return position

    def _word_before(self, position):
        end = self._before(position)
        start = end
        while start >= 0 and (self.masked[start].isalnum() or self.masked[start] == "_"):
            start -= 1
        return self.masked[start + 1:end + 1]

    def is_lambda(self, bracket):
        """Whether the `[` at this position opens a lambda's captures: no subscript, attribute or binding."""
        close = self.partner.get(bracket)
        if close is None or self.masked[bracket + 1] == "[" or self.masked[bracket - 1:bracket] == "[":
            return False
        before = self._before(bracket)
        if before >= 0 and (self.masked[before].isalnum() or self.masked[before] in "_)]"):
            if self._word_before(bracket) not in ("return", "co_return", "co_await", "co_yield"):
                return False
        after = self.masked[close + 1:close + 80].lstrip()
        return after.startswith(("(", "{", "<", "mutable", "noexcept", "->"))

    def lambda_body(self, bracket):
        """(open brace, close brace) of the lambda whose captures open at `bracket`, or None."""
        position = self.partner[bracket] + 1
        while position < len(self.masked):
            character = self.masked[position]
            if character == "{":
                return (position, self.partner[position]) if position in self.partner else None
            if character == "(" and position in self.partner:
                position = self.partner[position]
            elif character in ";)}]":
                return None
            position += 1
        return None

    def lambdas(self):
        """(captures' opening bracket, body) of each lambda."""
        for match in re.finditer(r"\[", self.masked):
            if self.is_lambda(match.start()):
                body = self.lambda_body(match.start())
                if body:
                    yield match.start(), body

    def brace_kind(self, brace):
        """`block`, `lambda` or `initializer` for the `{` at this position."""
        before = self._before(brace)
        if before < 0 or self.masked[before] in ";{}:":
            return "block"
        if self.masked[before] in ")]":
            return self._kind_after_bracket(before)
        word = self._word_before(brace)
        if word in SPECIFIERS:
            return self.brace_kind(before - len(word) + 1)
        if word in ("else", "do", "try"):
            return "block"
        head = self.masked[self._statement_start(brace):brace]
        if TYPE_HEAD.match(re.sub(r"^\s*template\s*<[^{}]*?>\s*(?=class|struct|union)", "", head)):
            return "block"
        returns = re.search(r"\)\s*(?:(?:mutable|noexcept|const|constexpr|override|final)\s*)*->[\w:<>,&*\s]+$", head)
        if returns:
            return self._kind_after_bracket(brace - len(head) + returns.start())
        if re.search(r"\brequires\b[^;{}]*$", head):
            return "block"
        return "initializer"

    def _kind_after_bracket(self, close):
        start = self.partner.get(close)
        if start is None:
            return "block"
        if self.masked[close] == "]":
            return "lambda" if self.is_lambda(start) else "initializer"
        before = self._before(start)
        if before >= 0 and self.masked[before] == ">":
            before = self.masked.rfind("<", 0, before) - 1
        return "lambda" if before >= 0 and self.masked[before] == "]" and self.is_lambda(
            self.partner.get(before, before)) else "block"

    def _statement_start(self, position):
        return max(self.masked.rfind(mark, 0, position) for mark in ";{}") + 1

    def _is_control(self, parenthesis):
        word = self._word_before(parenthesis)
        return word in ("if", "while", "for", "switch", "catch", "constexpr")

    def full_expression(self, position):
        """(start, end, in_braces) of the full expression around `position`."""
        start, in_braces = position - 1, False
        while start >= 0:
            character = self.masked[start]
            if character == ";" or (character == "(" and self._is_control(start)):
                break
            if character == "{":
                if self.brace_kind(start) != "initializer":
                    break
                in_braces = True
            elif character in ")]}" and start in self.partner:
                if character == "}" and self.brace_kind(self.partner[start]) == "block":
                    break
                start = self.partner[start]
            start -= 1
        return start + 1, self._expression_end(position), in_braces

    def _expression_end(self, position):
        while position < len(self.masked):
            character = self.masked[position]
            if character == ";":
                break
            if character in "([{" and position in self.partner:
                position = self.partner[position]
            elif character == ")" and position in self.partner and self._is_control(self.partner[position]):
                break
            elif character == "}" and self.brace_kind(self.partner.get(position, position)) != "initializer":
                break
            position += 1
        return position

    def functions(self):
        """Every function with a body at namespace or class scope; lambdas count as lines of what holds them."""
        stack, head_start, depth = [], 0, 0
        for match in re.finditer(r"[(){};]", self.masked):
            position, character = match.start(), match.group()
            if character in "()":
                depth = max(0, depth + (1 if character == "(" else -1))
            elif character == ";" and depth == 0:
                head_start = position + 1
            elif character == "{":
                in_scope = depth == 0 and all(kind == "scope" for kind, *_ in stack)
                head = self.masked[head_start:position]
                stack.append((_classify(head) if in_scope else "other", head, head_start, depth))
                depth = 0
                if stack[-1][0] != "member":
                    head_start = position + 1
            elif character == "}" and stack:
                kind, head, opened_head, depth = stack.pop()
                if kind == "function":
                    first = opened_head + len(head) - len(head.lstrip())
                    yield Function(_name_in(head), self.line(first), self.line(position))
                head_start = opened_head if kind == "member" else position + 1


def _classify(head):
    """What a `{` at namespace or class scope opens: a scope, a function, a member's initializer, something else."""
    plain, before = head, None
    while plain != before:
        before, plain = plain, re.sub(r"<[^<>(){};]*>", " ", plain)
    plain = re.sub(r"\btemplate\b|\balignas\s*\([^()]*\)", " ", plain)
    if TYPE_HEAD.match(plain) or re.match(r"\s*TEST_SUITE", plain):
        return "scope" if not re.search(r"\benum\b", plain) else "other"
    if "(" not in plain:
        return "other"
    initializer_list = re.search(r"\)[^(){}:]*(?<!:):(?!:)", plain)
    last_word = re.search(r"(\w+)\s*$", plain)
    if initializer_list and last_word and last_word.group(1) not in SPECIFIERS + ("try",):
        return "member"
    return "function"


def _name_in(head):
    match = re.search(r"(operator\s*\S+?|~?\w+)\s*\(", head)
    return match.group(1) if match else "?"
