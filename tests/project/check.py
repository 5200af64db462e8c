#!/usr/bin/env python3
"""Checks of the tree itself: check.py TOP BUILD [CHECK...]. Prints findings, one a line; exits 1 if there is any.

BUILD is a configured build directory: its compile_commands.json says what is built.
"""

import sys

import checks


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    by_name = {check.__name__: check for check in checks.ALL}
    unknown = [name for name in arguments[2:] if name not in by_name]
    if unknown:
        print(f"check.py: no check {', '.join(unknown)}; there are {', '.join(by_name)}", file=sys.stderr)
        return 2
    tree = checks.Tree.read(*arguments[:2])
    if not tree.cpp():
        print(f"check.py: {arguments[0]}: no sources there", file=sys.stderr)
        return 2
    findings = [finding for name in arguments[2:] or by_name for finding in by_name[name](tree)]
    print("\n".join(findings) if findings else "clean")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
