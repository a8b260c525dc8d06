"""Reading the source tree, for the checks and the mutants: its files, lines and bare code."""

import os
import re
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parent.parent

CXX_SUFFIXES = frozenset({".hpp", ".cpp"})

# Raw strings, comments, strings and characters, in the order in which they are tried. A quote after
# a digit separates digits.
_TOKEN = re.compile(
    r'(?P<raw>\bR"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)")'
    r"|(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)"
    r'|(?P<string>"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\')',
    re.DOTALL)


def files(root: Path) -> Iterator[Path]:
    """Every file below root that is source, relative to it and in order.

    Left out are .git, what the root's build folders (build, build-…) hold, and Python's caches.
    """
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            name for name in folders
            if name not in (".git", "__pycache__", ".cache")
            and not (here == root and (name == "build" or name.startswith("build-"))))
        for name in sorted(names):
            yield (here / name).relative_to(root)


def text_files(root: Path) -> Iterator[tuple[Path, str]]:
    """Every source file below root that is UTF-8 text, with its text."""
    for path in files(root):
        full_path = root / path
        if full_path.is_symlink() or not full_path.is_file():
            continue
        try:
            yield path, full_path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def without_comments(text: str, strings: bool = True) -> str:
    """C++ with its comments blanked out, and without `strings` its literals too.

    Every character keeps its place, so that positions still give the right line.
    """
    def blank(match: re.Match) -> str:
        if match.group("comment") is None and strings:
            return match.group(0)
        return re.sub(r"[^\n]", " ", match.group(0))

    return _TOKEN.sub(blank, text)


def line_of(text: str, position: int) -> int:
    """The number of the line that a position is on, from 1."""
    return text.count("\n", 0, position) + 1
