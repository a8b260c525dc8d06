#!/usr/bin/env python3
"""Checks the rules of style that a formatter does not know.

  layout    100 columns, no tabs, no blanks at a line's end, one newline at a file's end
  names     files and folders are snake_case
  headers   a comment that says what it is, then #pragma once; no `using namespace`
  done      nothing is left "to do"

Exit status: 0 the rules hold, 1 one is broken, 2 the call was wrong.
"""

import re
import sys
from pathlib import Path
from typing import Iterator

import source_tree
from findings import Finding, run_check

COLUMNS_MAX = 100
CODE_FOLDERS = frozenset({
    "apps", "backends", "bench", "cmake", "daemon", "engine", "examples", "flight", "gate", "lab",
    "packaging", "proptests", "sim", "tests", "tools", "traffic", "trial"})
CODE_SUFFIXES = source_tree.CXX_SUFFIXES | {".py", ".sh"}
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
SNAKE_CASE = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")
HEADER_OPENING = re.compile(r"(?://[^\n]*\n)+\s*#pragma once\n")


def check_layout(path: Path, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > COLUMNS_MAX:
            yield Finding(path, number, f"{len(line)} columns; at most {COLUMNS_MAX}")
        if "\t" in line:
            yield Finding(path, number, "a tab; indent with blanks")
        if line != line.rstrip():
            yield Finding(path, number, "blanks at the end of the line")
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        yield Finding(path, text.count("\n"), "a file ends with one newline")


def check_unfinished(path: Path, text: str) -> Iterator[Finding]:
    for match in UNFINISHED.finditer(text):
        yield Finding(path, source_tree.line_of(text, match.start()),
                      f"{match.group(0)}; finish it or write down what is not modelled and why")


def check_header(path: Path, text: str) -> Iterator[Finding]:
    if not HEADER_OPENING.match(text):
        yield Finding(path, 1, "a header opens with a comment that says what it is, then "
                               "#pragma once")
    code = source_tree.without_comments(text)
    for match in re.finditer(r"\busing\s+namespace\b", code):
        yield Finding(path, source_tree.line_of(code, match.start()),
                      "using namespace in a header; name what is used")


def check_file(path: Path, text: str) -> Iterator[Finding]:
    """All findings in one file; `path` is relative to the root of the tree."""
    if path.parts[0] not in CODE_FOLDERS and path.name != "dev":
        return
    if path.suffix in source_tree.CXX_SUFFIXES and not all(
            SNAKE_CASE.fullmatch(part) for part in path.parts):
        yield Finding(path, 1, "a file or folder name that is not snake_case")
    if path.suffix in CODE_SUFFIXES or path.name == "dev":
        yield from check_layout(path, text)
        yield from check_unfinished(path, text)
    if path.suffix == ".hpp":
        yield from check_header(path, text)


if __name__ == "__main__":
    sys.exit(run_check(__doc__, check_file))
