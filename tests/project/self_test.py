#!/usr/bin/env python3
"""Each check finds its planted fault in a small tree, and nothing in the same tree without it."""

import unittest

import checks
import cpp_text

STATUS = "\nint ExitCodeOf(const Status& s) {\n  if (s.ok()) return 0;\n  return 70;\n}\n"
CLEAN = {
    "base/status.cc": '#include "base/status.h"\n' + STATUS,
    "base/status.h": "#pragma once\nint ExitCodeOf(const Status& s);\n",
    "base/CMakeLists.txt": "shardlift_module(base SOURCES status.cc)\n",
    "store/router.h": '#pragma once\n#include "base/status.h"\n',
    "store/lease.h": "#pragma once\n",
    "mapping/mapper.h": '#pragma once\n#include "store/router.h"\n',
    "migrate/run.h": "#pragma once\n",
    "tests/base/status_test.cc": '#include "base/status.h"\nTEST(Status, Ok) {\n  EXPECT_EQ(1, One());\n}\n',
    "tests/base/CMakeLists.txt": "shardlift_test(base_test SOURCES status_test.cc)\n",
    "docs/runbook.md": "# Runbook\n\n| 0 | done |\n| 70 | bug |\n\nSee [above](#runbook) and `base/status.h`, `Status.Ok`, docs/runbook.md.\n",
}


def lines(n, text="int x;"):
    return "#pragma once\n" + (text + "\n") * (n - 1)


def body(n, head="void Long()"):
    return head + " {\n" + "  Call(1);\n" * (n - 2) + "}\n"


# check -> planted faults: changes to the clean tree (None removes), and a part of the finding wanted
FAULTS = {
    "includes": [
        ({"base/status.h": '#pragma once\n#include "store/router.h"\n'}, "base must not include store"),
        ({"migrate/run.h": '#pragma once\n#include "verify/x.h"\n', "verify/x.h": "#pragma once\n"},
         "migrate must not include verify"),
        ({"mapping/mapper.h": '#pragma once\n#include "store/lease.h"\n'}, "may include only"),
        ({"base/status.h": '#pragma once\n#include "missing.h"\n'}, "no file of this tree"),
        ({"store/router.h": '#pragma once\n#include "lease.h"\n'}, "no file of this tree"),
        ({"base/status.h": "#pragma once\n#include <nlohmann/json.hpp>\n"}, "in a header"),
    ],
    "folders_known": [({"utils/x.h": "#pragma once\n"}, "utils/")],
    "pragma_once": [({"base/status.h": "int x;\n"}, "base/status.h:1")],
    "lengths": [
        ({"base/status.h": lines(201)}, "file of 201 lines"),
        ({"tests/base/status_test.cc": lines(401)}, "file of 401 lines"),
        ({"base/status.h": lines(250), checks.EXCEPTIONS: "file base/status.h 240\n"}, "240 by"),
        ({"base/status.h": lines(601), checks.EXCEPTIONS: "file base/status.h 700\n"}, "hard limit 600"),
        ({checks.EXCEPTIONS: "file base/status.h 240\n"}, "needs no exception"),
        ({checks.EXCEPTIONS: "file base/gone.h 240\n"}, "needs no exception"),
        ({checks.EXCEPTIONS: "what is this\n"}, "not 'file PATH LINES'"),
        ({"base/status.cc": body(71)}, "Long: function of 71 lines"),
        ({"base/status.cc": "namespace a {\nclass X {\n" + body(71, "  int Y::In() const") + "};\n}\n"}, "Y::In: function of 71"),
        ({"base/status.cc": body(71, "X::X(int a) : a_{a}, b_(2)")}, "X::X: function of 71"),
        ({"base/status.cc": body(72, "TEST(Suite, Name)")}, "TEST: function of 72"),
    ],
    "banned_calls": [
        ({"base/status.cc": STATUS + "int a = atoi(b);\n"}, "atoi() is banned"),
        ({"base/status.cc": STATUS + "int a = std::rand ();\n"}, "rand() is banned"),
        ({"base/status.cc": STATUS + "system(b);\n"}, "system() is banned"),
        ({"tests/base/status_test.cc": "int a = atoi(b);\n"}, "atoi() is banned"),
        ({"base/status.cc": STATUS + "auto a = std::getenv(b);\n"}, "getenv()"),
        ({"base/status.cc": STATUS + "auto a = getenv(b) + getenv(c);\n", checks.EXCEPTIONS: "call base/status.cc:getenv 1\n"},
         "getenv()"),
        ({checks.EXCEPTIONS: "call base/status.cc:getenv 1\n"}, "needs no exception"),
    ],
    "unfinished": [
        ({"base/status.h": "#pragma once\n// TO" + "DO: more\n"}, "finish it"),
        ({"tests/base/status_test.cc": "TEST(A, DISA" + "BLED_B) {}\n"}, "must run"),
    ],
    "sources_listed": [
        ({"base/extra.cc": "int x;\n"}, "base/extra.cc:1: is not built"),
        ({"tests/base/extra_test.cc": "int x;\n"}, "tests/base/extra_test.cc:1: is not built"),
        ({"base/CMakeLists.txt": "# status.cc\nother_status.cc status.cc.in\n"}, "base/status.cc:1: is not built"),
        ({"lone/x.cc": "int x;\n"}, "lone/x.cc:1"),
    ],
    "doc_links": [
        ({"docs/a.md": "[x](b.md)\n"}, "b.md: no such file"),
        ({"docs/a.md": "[x](runbook.md#nowhere)\n"}, "no such heading"),
    ],
    "named_paths": [({"docs/a.md": "see `base/gone.h`\n"}, "`base/gone.h`")],
    "named_documents": [({"base/status.h": "#pragma once\n// docs/gone.md\n"}, "docs/gone.md: no such file")],
    "named_tests": [({"docs/a.md": "by `Status.Gone`\n"}, "no test Status.Gone")],
    "exit_codes": [
        ({"docs/runbook.md": "| 0 | done |\n"}, "exit code 70"),
        ({"docs/runbook.md": "| 0 | done |\n| 70 | bug |\n| 9 | ? |\n"}, "exit code 9"),
        ({"base/status.cc": "int x;\n"}, "not found"),
    ],
    "registry_hosts": [
        ({"docs/a.md": "from https://deb." + "debian.org/debian\n"}, "docs/a.md:1"),
        ({"scripts/x.sh": "pip install -i https://py" + "pi.org/simple x\n"}, "scripts/x.sh:1"),
    ],
}


class Checks(unittest.TestCase):
    def test_clean_tree_has_no_findings(self):
        for check in checks.ALL:
            with self.subTest(check.__name__):
                self.assertEqual(check(checks.Tree(CLEAN)), [])

    def test_every_check_has_a_planted_fault(self):
        self.assertEqual({check.__name__ for check in checks.ALL}, set(FAULTS))

    def test_each_planted_fault_is_found(self):
        for check in checks.ALL:
            for number, (change, wanted) in enumerate(FAULTS[check.__name__]):
                with self.subTest(check.__name__, number=number):
                    found = check(checks.Tree({**CLEAN, **change}))
                    self.assertTrue(any(wanted in finding for finding in found), found)

    def test_a_compiled_source_needs_no_mention(self):
        files = {**CLEAN, "base/extra.cc": "int x;\n"}
        self.assertEqual(checks.sources_listed(checks.Tree(files, ["base/extra.cc"])), [])

    def test_an_excepted_call_is_silent(self):
        tree = {**CLEAN, "base/status.cc": '#include "base/status.h"\nauto a = getenv(b);\n' + STATUS,
                checks.EXCEPTIONS: "call base/status.cc:getenv 1  # reason\n"}
        self.assertEqual(checks.banned_calls(checks.Tree(tree)), [])

    def test_allowed_lengths_are_silent(self):
        tree = {**CLEAN, "base/status.h": lines(250), "base/status.cc": body(70) + STATUS,
                checks.EXCEPTIONS: "file base/status.h 260  # reason\n"}
        self.assertEqual(checks.lengths(checks.Tree(tree)), [])


class CppText(unittest.TestCase):
    def test_comments_and_literals_become_blanks(self):
        text = "a = \"atoi(\\\"\"; // atoi(\nb = 'x' /* atoi( */ + 1'000 + R\"(atoi( \" )\";\n"
        blank = cpp_text.blank_comments_and_literals(text)
        self.assertNotIn("atoi", blank)
        self.assertIn("1'000", blank)
        self.assertEqual(text.count("\n"), blank.count("\n"))

    def test_functions_are_found_with_their_lines(self):
        text = ("namespace a {\nstruct S {\n  S() : x_{1}, y_(2) {}\n  int Get() const { return x_; }\n  int x_ = {3};\n};\n"
                "const int kTable[] = {\n  F(1),\n};\nvoid Run(int a,\n         int b) {\n  if (a) {\n    b();\n  }\n}\n"
                "auto Later() -> int {\n  return 1;\n}\n}  // namespace a\n")
        self.assertEqual(list(cpp_text.functions(text)),
                         [("S", 3, 1), ("Get", 4, 1), ("Run", 10, 6), ("Later", 16, 3)])


if __name__ == "__main__":
    unittest.main()
