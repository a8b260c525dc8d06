#!/usr/bin/env python3
"""Checks that the tests which the documentation names exist.

A test is named as `Suite.Name` in backquotes, both beginning with a capital letter. It exists when
a source below tests/ or proptests/ has TEST(Suite, Name), TEST_F(…) or TEST_P(…). A page that is
given must name at least one.

usage: check_test_names.py SOURCE_FOLDER PAGE...
"""

import pathlib
import re
import sys

NAMED = re.compile(r"`([A-Z]\w*)\.([A-Z]\w*)`")
DEFINED = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)")


def defined_tests(source):
    """Suite and name of every test."""
    tests = set()
    for folder in ("tests", "proptests"):
        for path in sorted((source / folder).rglob("*.cpp")):
            tests.update(DEFINED.findall(path.read_text()))
    return tests


def main():
    source = pathlib.Path(sys.argv[1])
    tests = defined_tests(source)
    named = findings = 0
    for page in sys.argv[2:]:
        names_of_page = 0
        for number, line in enumerate((source / page).read_text().splitlines(), 1):
            for suite, name in NAMED.findall(line):
                names_of_page += 1
                if (suite, name) not in tests:
                    print(f"{page}:{number}: no test {suite}.{name}")
                    findings += 1
        if names_of_page == 0:
            print(f"{page}: names no test")
            findings += 1
        named += names_of_page
    print(f"{named} tests named, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
