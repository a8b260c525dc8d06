#!/usr/bin/env python3
"""Runs the commands that the documentation shows.

A command block is an indented or fenced block right after the line `<!-- run -->`. Every line of
it is run in the source folder and must end with status 0; `build/bin/` stands for the folder of
the programs under test. A page that shows `build/bin/reprise-lab` in a block without that mark
fails, so that no command goes unchecked. (Commands of `reprise` itself need interfaces or
privileges; tests/system runs those.)

usage: run_blocks.py SOURCE_FOLDER PROGRAM_FOLDER
"""

import pathlib
import re
import subprocess
import sys

MARK = "<!-- run -->"


def blocks(text):
    """Yields (line number, commands, is marked) for each code block."""
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        fenced = lines[index].startswith("```")
        if not fenced and not lines[index].startswith("    "):
            index += 1
            continue
        before = next((line for line in reversed(lines[:index]) if line.strip()), "")
        start = index + 1
        commands = []
        if fenced:
            index += 1
            while index < len(lines) and not lines[index].startswith("```"):
                commands.append(lines[index])
                index += 1
            index += 1
        else:
            while index < len(lines) and lines[index].startswith("    "):
                commands.append(lines[index].strip())
                index += 1
        yield start, commands, before.strip() == MARK


def main():
    source, programs = pathlib.Path(sys.argv[1]), sys.argv[2]
    failures = ran = 0
    for page in [source / "README.md", *sorted((source / "docs").glob("*.md"))]:
        for line, commands, marked in blocks(page.read_text()):
            where = f"{page.relative_to(source)}:{line}"
            if not marked:
                if any(re.match(r"build/bin/reprise-lab\b", command) for command in commands):
                    print(f"{where}: a command block without {MARK}")
                    failures += 1
                continue
            for command in commands:
                result = subprocess.run(
                    command.replace("build/bin/", f"{programs}/"),
                    shell=True, cwd=source, capture_output=True, text=True, timeout=120)
                ran += 1
                if result.returncode != 0:
                    print(f"{where}: {command}\nstatus {result.returncode}")
                    print(result.stdout, result.stderr)
                    failures += 1
    print(f"{ran} commands run, {failures} findings")
    return 1 if failures or ran == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
