#!/usr/bin/env python3
"""Checks that no folder of the tree uses what its layer must not see.

Three rules, each of which prints the place, what it found and what is allowed:
  layers       includes "reprise/<folder>/…" and linked targets follow the table LAYERS below
  determinism  engine/ and sim/ have no clock, randomness, threads or hash-ordered containers, and
               engine/ has no floating point: a run must depend on its picks alone
  paths        no file names a place on one person's machine

Exit status: 0 the rules hold, 1 one is broken, 2 the call was wrong.
"""

import re
import sys
from pathlib import Path
from typing import Iterator

import source_tree
from findings import Finding, run_check

EVERYTHING = frozenset(
    {"engine", "flight", "posix", "uring", "asio", "sim", "lab", "trial", "traffic", "daemon"})

# What each folder sees beside itself. A library has the name of its folder's last part.
LAYERS = {
    "engine": frozenset(),
    "flight": frozenset({"engine"}),
    "backends/posix": frozenset({"engine"}),
    "backends/uring": frozenset({"engine", "posix"}),
    "backends/asio": frozenset({"engine", "posix"}),
    "sim": frozenset({"engine"}),
    "lab": frozenset({"engine", "flight", "sim"}),
    "trial": frozenset({"engine", "sim", "lab", "posix", "uring", "asio", "traffic", "daemon"}),
    "traffic": frozenset({"engine", "posix"}),
    "daemon": frozenset({"engine", "flight", "posix", "uring", "asio"}),
    "apps": EVERYTHING,
    "tests": EVERYTHING,
    "proptests": EVERYTHING,
    "bench": EVERYTHING,
    "examples": EVERYTHING,
}

DETERMINISTIC_FOLDERS = ("engine", "sim")

FORBIDDEN_HEADERS = frozenset({
    "chrono", "ctime", "time.h", "sys/time.h", "random", "thread", "mutex", "shared_mutex",
    "condition_variable", "future", "unordered_map", "unordered_set"})

FORBIDDEN_CODE = (
    (re.compile(r"\bstd::(?:unordered_\w+|random_device|mt19937\w*|chrono|j?thread|mutex)\b"),
     "no clock, randomness, threads or hash-ordered containers"),
    (re.compile(r"(?:\bstd::|(?<!\w)::)(?:time|clock|s?rand|getenv)\s*\("),
     "time, randomness and surroundings are arguments"),
    (re.compile(r"(?<![\w.>:])(?:s?rand|random|clock_gettime|gettimeofday|getenv)\s*\("),
     "time, randomness and surroundings are arguments"),
    (re.compile(r"(?<![\w.>:])time\s*\(\s*(?:nullptr|NULL|0|&\w+)\s*\)"),
     "time is an argument"),
)

FLOATING_POINT = re.compile(r"\b(?:float|double)\b")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
LINKED_TARGET = re.compile(r"\breprise(?:::|_)(\w+)")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|home|root)/\w|/tmp/(?:build)")


def layer_of(path: Path) -> str | None:
    """The key of LAYERS that the file belongs to; None for files outside every layer."""
    for depth in (2, 1):
        folder = "/".join(path.parts[:-1][:depth])
        if folder in LAYERS:
            return folder
    return None


def visible_from(layer: str) -> frozenset[str]:
    return LAYERS[layer] | {layer.rsplit("/", 1)[-1]}


def allowed_text(layer: str) -> str:
    return ", ".join(sorted(visible_from(layer)))


def check_includes(path: Path, layer: str, text: str) -> Iterator[Finding]:
    for match in INCLUDE.finditer(text):
        line, header = source_tree.line_of(text, match.start(2)), match.group(2)
        if header.startswith("reprise/"):
            folder = header.split("/")[1]
            if folder not in visible_from(layer):
                yield Finding(path, line, f'includes "{header}"; {layer}/ sees only: '
                                          f"{allowed_text(layer)}")
        elif ".." in header.split("/"):
            yield Finding(path, line, f'includes "{header}"; write "reprise/<folder>/<file>.hpp"')
        elif layer in DETERMINISTIC_FOLDERS and header in FORBIDDEN_HEADERS:
            yield Finding(path, line, f"includes <{header}>; {layer}/ must be deterministic: "
                                      "no clock, randomness, threads or hash-ordered containers")


def check_links(path: Path, layer: str, text: str) -> Iterator[Finding]:
    code = re.sub(r"#[^\n]*", "", text)
    for match in LINKED_TARGET.finditer(code):
        folder = match.group(1)
        if folder in EVERYTHING and folder not in visible_from(layer):
            yield Finding(path, source_tree.line_of(code, match.start()),
                          f"links {match.group(0)}; {layer}/ sees only: {allowed_text(layer)}")


def check_determinism(path: Path, layer: str, code: str) -> Iterator[Finding]:
    for pattern, expected in FORBIDDEN_CODE:
        for match in pattern.finditer(code):
            yield Finding(path, source_tree.line_of(code, match.start()),
                          f"uses {match.group(0).strip()}; {layer}/ must be deterministic: "
                          f"{expected}")
    if layer == "engine":
        for match in FLOATING_POINT.finditer(code):
            yield Finding(path, source_tree.line_of(code, match.start()),
                          f"uses {match.group(0)}; engine/ counts in integers")


def check_machine_paths(path: Path, text: str) -> Iterator[Finding]:
    for match in MACHINE_PATH.finditer(text):
        line = source_tree.line_of(text, match.start())
        yield Finding(path, line, "names a place on one machine; use a path inside the build "
                                  "folder or one that is passed in")


def check_file(path: Path, text: str) -> Iterator[Finding]:
    """All findings in one file; `path` is relative to the root of the tree."""
    yield from check_machine_paths(path, text)
    layer = layer_of(path)
    if layer is None:
        return
    if path.suffix in source_tree.CXX_SUFFIXES:
        yield from check_includes(path, layer, source_tree.without_comments(text))
        if layer in DETERMINISTIC_FOLDERS:
            code = source_tree.without_comments(text, strings=False)
            yield from check_determinism(path, layer, code)
    elif path.name == "CMakeLists.txt":
        yield from check_links(path, layer, text)


if __name__ == "__main__":
    sys.exit(run_check(__doc__, check_file))
