"""The rules of this tree, each a function from a Tree to findings ("path:line: what is wrong, what to do")."""

import json
import os
import posixpath
import re

import cpp_text

# Which folders a folder may include: those below it (docs/architecture.md).
_CORE = ["base", "mysql"]
_MAPPED = _CORE + ["store", "mapping", "binlog"]
_JOBS = ["migrate", "verify", "repair"]
MAY_INCLUDE = {
    "base": [],
    "mysql": ["base"],
    "store": _CORE,
    "binlog": _CORE,
    "mapping": _CORE + ["store"],
    "job": _MAPPED,
    "migrate": _MAPPED + ["job"],
    "verify": _MAPPED + ["job"],
    "repair": _MAPPED + ["job", "migrate", "verify"],
    "rehearse": _MAPPED + ["job"] + _JOBS,
    "cmd": _MAPPED + ["job"] + _JOBS + ["rehearse"],
}
# mapping needs the target's columns and the bucket function, and no more of the store.
ONLY_THESE = {("mapping", "store"): {"store/message_table.h", "store/router.h", "store/target_table.h"}}
NOT_IN_HEADERS = re.compile(r"^(CLI/|nlohmann/(?!json_fwd\.hpp$)|spdlog/)")  # costly to compile; json_fwd.hpp is not

HEADER_LINES_MAX = 200
SOURCE_LINES_MAX = 400
FILE_LINES_MAX = 600  # also for excepted files
FUNCTION_LINES_MAX = 70

BANNED_CALLS = {
    "atoi": "std::from_chars reports errors",
    "atol": "std::from_chars reports errors",
    "atof": "std::from_chars reports errors",
    "strcpy": "use std::string",
    "strcat": "use std::string",
    "sprintf": "use fmt::format",
    "vsprintf": "use fmt::format",
    "gets": "use std::getline",
    "strtok": "use std::string_view",
    "rand": "use a seeded generator",
    "srand": "use a seeded generator",
    "system": "no shell",
    "popen": "no shell",
    "usleep": "use std::this_thread::sleep_for",
}
ALLOWED_IN_TESTS = {"system", "popen"}  # a test may start a shell
GETENV_FOLDERS = {"cmd", "job", "rehearse", "tests"}

# Spelled in pieces, so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
SWITCHED_OFF = re.compile("DISA" + r"BLED_\w|GTEST_" + r"SKIP\b|EXPECT_TRUE\(true\)")
REGISTRY = re.compile(
    r"\b(?:deb|ftp|security|snapshot|archive|registry|repo\d*|proxy|mirrors?|packages)\.(?!bin\b)[a-z0-9-]+\.(?:org|com|net|io|dev|cloud|internal)\b"
    r"|\b(?:pypi|crates|npmjs|docker|ghcr|quay)\.(?:org|io)\b"
)


class Tree:
    """The text files of a checkout: path (with /, from the top) -> text; and the sources that a build compiles."""

    def __init__(self, files, compiled=()):
        self.files = files
        self.compiled = set(compiled)

    @classmethod
    def read(cls, top, build=None):
        files = {}
        for folder, folders, names in os.walk(top):
            at_top = os.path.relpath(folder, top) == "."
            folders[:] = [d for d in folders if d == ".ci" or not d.startswith(".") and not (at_top and d == "build")
                          and d != "__pycache__"]
            for name in names:
                path = os.path.join(folder, name)
                try:
                    with open(path, encoding="utf-8") as file:
                        files[os.path.relpath(path, top).replace(os.sep, "/")] = file.read()
                except (UnicodeDecodeError, OSError):
                    pass  # binary, or gone meanwhile
        compiled = []
        if build is not None:
            with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
                compiled = [os.path.relpath(entry["file"], top).replace(os.sep, "/") for entry in json.load(file)]
        return cls(files, compiled)

    def having(self, *suffixes):
        return [(path, text) for path, text in sorted(self.files.items()) if path.endswith(suffixes)]

    def cpp(self):
        return self.having(".h", ".cc")


def _line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def _hits(path, text, pattern, message):
    return [f"{path}:{_line_of(text, m.start())}: {message(m)}" for m in pattern.finditer(text)]


def includes(tree):
    """Includes go down only, name files that exist, and keep heavy libraries out of headers."""
    found = []
    for path, text in tree.cpp():
        folder = path.split("/")[0]
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', text, re.MULTILINE):
            place = f"{path}:{_line_of(text, match.start())}"
            quoted, target = match.group(1) == '"', match.group(2)
            if path.endswith(".h") and NOT_IN_HEADERS.search(target):
                found.append(f"{place}: {target} in a header; include it in .cc files only")
            if not quoted:
                continue
            if folder == "tests" and "/" not in target:
                target = posixpath.join(posixpath.dirname(path), target)  # a test's own helper
            if target not in tree.files:
                found.append(f'{place}: "{target}" is no file of this tree (paths start at the top; others go in <>)')
                continue
            below = target.split("/")[0]
            if folder == below or folder not in MAY_INCLUDE:
                continue
            if below not in MAY_INCLUDE[folder]:
                found.append(f"{place}: {folder} must not include {below}")
            elif target not in ONLY_THESE.get((folder, below), {target}):
                allowed = ", ".join(sorted(ONLY_THESE[folder, below]))
                found.append(f"{place}: of {below}, {folder} may include only {allowed}")
    return found


def folders_known(tree):
    """A folder with sources has a place in the layering."""
    known = set(MAY_INCLUDE) | {"tests", "fuzz"}
    folders = {path.split("/")[0] for path, _ in tree.cpp()}
    return [f"{folder}/: has sources but no place in MAY_INCLUDE of tests/project/checks.py" for folder in sorted(folders - known)]


def pragma_once(tree):
    """Each header starts with #pragma once."""
    return [f"{path}:1: no #pragma once" for path, text in tree.having(".h")
            if not re.search(r"^#pragma once$", text, re.MULTILINE)]


EXCEPTIONS = "tests/project/exceptions.txt"


def _exceptions(tree):
    """Lines "file PATH LINES", "function PATH:NAME LINES" and "call PATH:NAME CALLS"; # starts a comment."""
    entries, found = {}, []
    for number, line in enumerate(tree.files.get(EXCEPTIONS, "").splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 3 or words[0] not in ("file", "function", "call") or not words[2].isdigit():
            found.append(f"{EXCEPTIONS}:{number}: not 'file PATH LINES', 'function PATH:NAME LINES' or 'call PATH:NAME CALLS'")
            continue
        entries[words[0], words[1]] = (int(words[2]), number)
    return entries, found


def lengths(tree):
    """Files and functions keep to their lengths; exceptions may only shrink, and go when they are not needed."""
    entries, found = _exceptions(tree)
    used = set()

    def judge(kind, name, place, lines, limit, hard):
        if lines <= limit:
            return
        allowed = entries.get((kind, name), (0, 0))[0]
        used.add((kind, name))
        if lines > min(max(allowed, limit), hard):
            found.append(f"{place}: {kind} of {lines} lines; at most {limit}"
                         + (f" ({allowed} by {EXCEPTIONS}, hard limit {hard})" if allowed else ""))

    for path, text in tree.cpp():
        limit = HEADER_LINES_MAX if path.endswith(".h") else SOURCE_LINES_MAX
        judge("file", path, path, text.count("\n"), limit, FILE_LINES_MAX)
        for name, line, lines in cpp_text.functions(text):
            judge("function", f"{path}:{name}", f"{path}:{line}: {name}", lines, FUNCTION_LINES_MAX, 10**9)
    for (kind, name), (_, number) in entries.items():
        if kind != "call" and (kind, name) not in used:
            found.append(f"{EXCEPTIONS}:{number}: {kind} {name} needs no exception any more; remove the line")
    return found


def banned_calls(tree):
    """Calls that hide errors, overflow or start a shell; environment variables only where settings are read."""
    def calls(names):
        return re.compile(r"(?<![\w.>])(?:std::)?(" + "|".join(names) + r")\s*\(")

    entries, used = _exceptions(tree)[0], set()
    everywhere, in_tests = calls(BANNED_CALLS), calls(set(BANNED_CALLS) - ALLOWED_IN_TESTS)
    getenv = re.compile(r"\b(?:secure_)?getenv\s*\(")
    found = []
    for path, text in tree.cpp():
        code = cpp_text.blank_comments_and_literals(text)
        names = in_tests if path.startswith("tests/") else everywhere
        found += _hits(path, code, names, lambda m: f"{m.group(1)}() is banned: {BANNED_CALLS[m.group(1)]}")
        if path.split("/")[0] not in GETENV_FOLDERS:
            hits = _hits(path, code, getenv, lambda m: "getenv() belongs to cmd, job and rehearse")
            allowed = entries.get(("call", f"{path}:getenv"), (0, 0))[0]
            if hits:
                used.add(f"{path}:getenv")
            if len(hits) > allowed:
                found += hits
    return found + [f"{EXCEPTIONS}:{number}: call {name} needs no exception any more; remove the line"
                    for (kind, name), (_, number) in entries.items() if kind == "call" and name not in used]


def unfinished(tree):
    """No marks of unfinished work, no tests that are switched off or cannot fail."""
    found = []
    for path, text in tree.having(".h", ".cc", ".sh", ".py", "CMakeLists.txt", ".json", ".md"):
        found += _hits(path, text, UNFINISHED, lambda m: f"{m.group(1)}: finish it or take it out")
        if path.endswith(".cc"):
            found += _hits(path, text, SWITCHED_OFF, lambda m: f"{m.group(0)}: a test must run and be able to fail")
    return found


def sources_listed(tree):
    """Each source, tests included, is compiled by this build or at least named in its folder's CMakeLists.txt."""
    found = []
    for path, _ in tree.having(".cc"):
        if path in tree.compiled:
            continue
        folder = posixpath.dirname(path)
        while folder and posixpath.join(folder, "CMakeLists.txt") not in tree.files:
            folder = posixpath.dirname(folder)
        lists = tree.files.get(posixpath.join(folder, "CMakeLists.txt"), "") if folder else ""
        name = posixpath.relpath(path, folder) if folder else path
        if not re.search(r"(?<![\w/.-])" + re.escape(name) + r"(?![\w.-])", re.sub(r"#.*", "", lists)):
            found.append(f"{path}:1: is not built: name it in {folder or '?'}/CMakeLists.txt")
    return found


def _anchors(text):
    anchors = set()
    for heading in re.findall(r"^#+[ \t]+(.*)$", text, re.MULTILINE):
        plain = re.sub(r"[`*]", "", heading).strip().lower()
        anchors.add(re.sub(r" ", "-", re.sub(r"[^\w\- ]", "", plain)))
    return anchors


def doc_links(tree):
    """Relative links in the documents lead to a file, and to a heading where they name one."""
    found = []
    folders = {posixpath.dirname(p) for p in tree.files}
    for path, text in tree.having(".md"):
        prose = re.sub(r"```.*?```", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.DOTALL)
        for match in re.finditer(r"\]\(([^)\s]+)\)", prose):
            target = match.group(1)
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            goal = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
            place = f"{path}:{_line_of(prose, match.start())}"
            if goal not in tree.files and goal not in folders:
                found.append(f"{place}: link to {target}: no such file")
            elif anchor and anchor not in _anchors(tree.files.get(goal, "")):
                found.append(f"{place}: link to {target}: no such heading")
    return found


def named_paths(tree):
    """Paths of this tree that the documents name in `code` exist."""
    tops = {path.split("/")[0] for path in tree.files if "/" in path}
    folders = {posixpath.dirname(p) for p in tree.files}
    found = []
    for path, text in tree.having(".md"):
        for match in re.finditer(r"`([\w.-]+/[\w./-]*\w)/?`", text):
            target = match.group(1)
            if target.split("/")[0] not in tops or target in tree.files or target in folders:
                continue
            if any(folder.startswith(target + "/") for folder in folders):
                continue
            found.append(f"{path}:{_line_of(text, match.start())}: `{target}`: no such file")
    return found


def named_documents(tree):
    """Documents that comments and messages of sources and scripts name exist."""
    found = []
    for path, text in tree.having(".h", ".cc", ".sh", ".json", "CMakeLists.txt"):
        for match in re.finditer(r"\bdocs/[\w-]+\.\w+", text):
            if match.group(0) not in tree.files:
                found.append(f"{path}:{_line_of(text, match.start())}: {match.group(0)}: no such file")
    return found


def named_tests(tree):
    """Tests that the documents name as `Suite.Case` exist."""
    cases = set()
    for _, text in tree.having(".cc"):
        cases |= {".".join(m) for m in re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", text)}
    found = []
    for path, text in tree.having(".md"):
        found += [f"{path}:{_line_of(text, m.start())}: no test {m.group(1)}"
                  for m in re.finditer(r"`([A-Z]\w+\.[A-Z]\w+)`", text) if m.group(1) not in cases]
    return found


EXIT_CODE_DOC = "docs/runbook.md"


def exit_codes(tree):
    """The table of exit codes in the runbook and base/status.cc name the same codes."""
    body = re.search(r"\nint ExitCodeOf\(.*?\n}", tree.files.get("base/status.cc", ""), re.DOTALL)
    if body is None:
        return ["base/status.cc:1: ExitCodeOf not found"]
    in_code = set(re.findall(r"return (\d+);", body.group(0)))
    in_docs = set(re.findall(r"^\| `?(\d+)`? \|", tree.files.get(EXIT_CODE_DOC, ""), re.MULTILINE))
    found = [f"{EXIT_CODE_DOC}:1: exit code {c} of base/status.cc is not in the table" for c in sorted(in_code - in_docs)]
    return found + [f"{EXIT_CODE_DOC}:1: exit code {c} is not one of base/status.cc" for c in sorted(in_docs - in_code)]


def registry_hosts(tree):
    """No package registry is named: the machine's own configuration decides."""
    found = []
    for path, text in sorted(tree.files.items()):
        if path != "LICENSE":
            found += _hits(path, text, REGISTRY, lambda m: f"{m.group(0)}: leave the choice of a registry to the machine")
    return found


ALL = [includes, folders_known, pragma_once, lengths, banned_calls, unfinished, sources_listed, doc_links, named_paths,
       named_documents, named_tests, exit_codes, registry_hosts]
