#!/usr/bin/env python3
"""rehearsal_line.py REPORT_DIR EXIT_CODE clean|planted: one line about a rehearsal; exits 1 if it is not as wanted.

The line: seed, pairing, rows, changes, kills, differences, seconds, "ok" or what is wrong; separated by tabs.
"""

import json
import os
import sys


def wrongs(report, exit_code, wanted):
    if report is None:
        yield "no report"
        return
    if report["failures"]:
        yield f"{len(report['failures'])} failures"
    if not report["verify"]["done"]:
        yield "not verified"
    if wanted == "clean":
        if exit_code != 0:
            yield f"exit {exit_code}, not 0"
        if report["verify"]["findings"]:
            yield "differences"
        if report["verify"]["rows_compared"] < report["options"]["rows"] // 2:
            yield "too few rows compared"
        if len(report["kills"]) < report["kills_wanted"]:
            yield "too few kills"
    else:
        if exit_code != 1:
            yield f"exit {exit_code}, not 1"
        if not report["planted"]:
            yield "nothing planted"
        if not all(planted["found"] for planted in report["planted"]):
            yield "planted fault not found"
        if len(report["verify"]["findings"]) != len(report["planted"]):
            yield "findings are not exactly the planted faults"


def main(directory, exit_code, wanted):
    try:
        with open(os.path.join(directory, "report.json"), encoding="utf-8") as file:
            report = json.load(file)
    except (OSError, ValueError):
        report = None
    wrong = "; ".join(wrongs(report, int(exit_code), wanted))
    if report is None:
        fields = ["?"] * 7
    else:
        fields = [report["options"]["seed"], report["options"]["pairing"], sum(report["seeded"].values()),
                  report["writers"]["changes"], len(report["kills"]) + len(report["shard_kills"]),
                  len(report["verify"]["findings"]), round(report["seconds"])]
    print("\t".join(str(field) for field in fields + [wrong or "ok"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[3] not in ("clean", "planted"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
