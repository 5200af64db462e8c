"""C++ text without its comments and literals, and the functions in it. A heuristic for checks of layout, no parser."""

import re

_TOKEN = re.compile(
    r'R"(?P<delimiter>[^()\s\\]{0,16})\(.*?\)(?P=delimiter)"'  # raw string
    r'|"(?:\\.|[^"\\\n])*"'
    r"|\b\d[\w']*"  # a number; its ' are digit separators
    r"|'(?:\\.|[^'\\\n])+'"
    r"|//[^\n]*"
    r"|/\*.*?\*/",
    re.DOTALL,
)


def blank_comments_and_literals(text):
    """The same text, line for line, with comments, strings and characters replaced by spaces."""

    def blank(match):
        token = match.group(0)
        if token[0].isdigit():
            return token
        return re.sub(r"[^\n]", " ", token)

    return _TOKEN.sub(blank, text)


def _blank_preprocessor(text):
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.MULTILINE)


_SCOPE = re.compile(r"\b(namespace|class|struct|union|enum)\b(?![^{]*\)\s*(const|noexcept|override|->)*\s*$)")
_INIT_LIST = re.compile(r"\)\s*(?:noexcept\s*)?:(?!:)")


def _kind_of(head):
    """What an opening brace begins, judged by the text between the last ; { } and the brace."""
    head = head.strip()
    if _INIT_LIST.search(head) and re.search(r"[\w>]$", head):
        return "member"  # a brace of a constructor's initialiser list
    if re.search(r"=\s*(\w[\w:<>, ]*)?$", head):
        return "value"
    if re.match(r"extern\s*$", head):  # extern "C": the literal is blank
        return "scope"
    if _SCOPE.search(head) and not re.search(r"\)\s*(const|noexcept|override|\s)*$", head):
        return "scope"
    if "(" in head:
        return "function"
    return "value"


def functions(text):
    """Yields (name, first line, number of lines) of each function with a body."""
    text = _blank_preprocessor(blank_comments_and_literals(text))
    stack = []  # kinds of the open braces
    head_start = 0
    opened_at = None  # offset of the head of the function we are in
    for offset, char in enumerate(text):
        inside = bool(stack) and stack[-1] != "scope"
        if char == "{":
            kind = "inner" if inside else _kind_of(text[head_start:offset])
            stack.append(kind)
            if kind == "function":
                opened_at = head_start
            if kind == "scope":
                head_start = offset + 1
        elif char == "}":
            kind = stack.pop() if stack else "scope"
            if kind == "function":
                head = text[opened_at:offset]
                begin = opened_at + len(head) - len(head.lstrip())
                name = re.search(r"([\w:~]+|operator\W+)\s*\(", head)
                first = text.count("\n", 0, begin) + 1
                yield (name.group(1) if name else "?", first, text.count("\n", begin, offset) + 1)
            if kind in ("function", "scope"):
                head_start = offset + 1
        elif char == ";" and not inside:
            head_start = offset + 1
