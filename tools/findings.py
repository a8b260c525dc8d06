"""What a check of the tree finds, and the command line that all such checks share."""

import argparse
from pathlib import Path
from typing import Callable, Iterable, NamedTuple

import source_tree


class Finding(NamedTuple):
    path: Path  # relative to the root of the tree
    line: int
    message: str


def in_tree(root: Path,
            check_file: Callable[[Path, str], Iterable[Finding]]) -> list[Finding]:
    """What check_file finds in every source file below root."""
    return [finding for path, text in source_tree.text_files(root)
            for finding in check_file(path, text)]


def run_check(description: str, check_file: Callable[[Path, str], Iterable[Finding]]) -> int:
    """Checks the tree named on the command line, prints the findings, returns the exit status."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=source_tree.ROOT,
                        help="the tree to check (default: the one this script is in)")
    root = parser.parse_args().root
    if not (root / "engine").is_dir():
        parser.error(f"{root}: has no engine/; give the root of a Reprise tree")
    found = in_tree(root, check_file)
    for finding in found:
        print(f"{finding.path}:{finding.line}: {finding.message}")
    return 1 if found else 0
