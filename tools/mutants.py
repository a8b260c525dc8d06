#!/usr/bin/env python3
"""Plants known bugs, one at a time, and checks that the test meant for each catches it.

Each tools/mutants/NAME.patch is a diff (as for `patch -p1`) after these header lines:
  Subject: what the bug is, in one line
  Caught-by: the tests that must catch it, as a regular expression for `ctest -R`;
             ^Gate[.] where it is the gate that must

The tree is copied to build/mutants/source, so the checkout is never touched, and built in
build/mutants/build, which is kept: a mutant costs one incremental build of the programs that hold
its tests, and one run of these. Which programs these are is read from build/, so the tests have to
be built there. The unchanged copy must pass the named tests first.

Exit status: 0 every bug was caught, 1 one survived, 2 something else was wrong: a patch that does
not apply or compile, a regular expression that names no test, a test that fails without the bug.
"""

import argparse
import filecmp
import json
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree
from pathlib import Path
from typing import NamedTuple

import source_tree

TEST_TIMEOUT_SECONDS = 60  # a mutant that hangs is caught by the clock


class WrongInput(Exception):
    """The mutants cannot be judged; the text is one line for people."""


class Mutant(NamedTuple):
    name: str
    subject: str
    caught_by: str
    patch: Path


class Verdict(NamedTuple):
    mutant: Mutant
    outcome: str  # "caught", "survived" or "skipped" (this host cannot run the test)
    seconds: float
    tests: list[str]  # the tests that failed


class TestResults(NamedTuple):
    passed: list[str]
    failed: list[str]
    skipped: list[str]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def read_mutant(patch: Path) -> Mutant:
    headers = {}
    for line in patch.read_text(encoding="utf-8").splitlines():
        if line.startswith(("--- ", "diff ")):
            break
        key, colon, value = line.partition(":")
        if colon and " " not in key:
            headers[key] = value.strip()
    for key in ("Subject", "Caught-by"):
        if not headers.get(key):
            raise WrongInput(f"{patch.name}: has no `{key}:` line before the diff; add one")
    return Mutant(patch.stem, headers["Subject"], headers["Caught-by"], patch)


def read_mutants(folder: Path, only: list[str]) -> list[Mutant]:
    mutants = [read_mutant(patch) for patch in sorted(folder.glob("*.patch"))]
    known = [mutant.name for mutant in mutants]
    for name in only:
        if name not in known:
            raise WrongInput(f"{name}: no such mutant in {folder}; there are: {', '.join(known)}")
    return [mutant for mutant in mutants if not only or mutant.name in only]


def synchronise(root: Path, copy: Path) -> None:
    """Makes copy equal to the tree; leaves equal files alone, so that a build is incremental."""
    wanted = set(source_tree.files(root))
    for path in wanted:
        source, target = root / path, copy / path
        if target.is_file() and filecmp.cmp(source, target, shallow=False):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)  # with a new time, or the build would not see a revert
        shutil.copymode(source, target)
    for path in set(source_tree.files(copy)) - wanted:
        (copy / path).unlink()


def run(command: list[str], input_file: Path | None = None) -> subprocess.CompletedProcess:
    with open(input_file or "/dev/null", "rb") as stdin:
        return subprocess.run(command, stdin=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)


def run_or_refuse(command: list[str], what: str, input_file: Path | None = None) -> None:
    result = run(command, input_file)
    if result.returncode != 0:
        say(result.stdout)
        raise WrongInput(f"{what}: `{' '.join(command)}` ended with status {result.returncode}; "
                         "its output is above")


class Workshop:
    """The copy of the tree and its build folder."""

    def __init__(self, root: Path, folder: Path, jobs: int):
        self.root = root
        self.copy = folder / "source"
        self.build = folder / "build"
        self.jobs = jobs

    def restore(self) -> None:
        synchronise(self.root, self.copy)

    def configure(self) -> None:
        self.restore()
        run_or_refuse(
            ["cmake", "-S", str(self.copy), "-B", str(self.build), "-G", "Ninja",
             "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1",
             f"-DREPRISE_TEST_TIMEOUT_SECONDS={TEST_TIMEOUT_SECONDS}"], "configure")

    def compile(self, targets: list[str], what: str) -> None:
        if not targets:
            return  # a check of the sources themselves
        run_or_refuse(["cmake", "--build", str(self.build), "--parallel", str(self.jobs),
                       "--target", *targets], what)

    def targets_of(self, mutant: Mutant) -> list[str]:
        """The programs that hold the tests which must catch it, as the root's build knows them."""
        listing = run(["ctest", "--test-dir", str(self.root / "build"), "--show-only=json-v1",
                       "-R", mutant.caught_by])
        tests = json.loads(listing.stdout)["tests"] if listing.returncode == 0 else []
        if not tests:
            raise WrongInput(f"{mutant.name}: `Caught-by: {mutant.caught_by}` names no test in "
                             f"{self.root / 'build'}; build the tests there: ./dev build")
        # A script's test names the program that it runs among its arguments.
        programs = {Path(argument) for test in tests for argument in test.get("command", [])}
        return sorted(program.name for program in programs
                      if program.parent == self.root / "build" / "bin")

    def apply(self, mutant: Mutant) -> None:
        run_or_refuse([*PATCH_COMMAND, "-d", str(self.copy)],
                      f"{mutant.name}: does not apply, refresh it", mutant.patch)

    def test(self, tests: str, stop_on_failure: bool) -> TestResults:
        report = self.build / "mutants.xml"
        report.unlink(missing_ok=True)
        result = run(["ctest", "--test-dir", str(self.build), "-R", tests, "--output-on-failure",
                      "--parallel", str(self.jobs), "--output-junit", str(report)]
                     + ["--stop-on-failure"] * stop_on_failure)
        cases = (xml.etree.ElementTree.parse(report).getroot().findall("testcase")
                 if report.is_file() else [])
        by_status = TestResults([], [], [])
        for case in cases:
            name = case.get("name")
            if case.get("status") == "fail":
                by_status.failed.append(name)
            elif case.get("status") == "run":
                by_status.passed.append(name)
            else:
                by_status.skipped.append(name)
        if not cases:
            say(result.stdout)
            raise WrongInput(f"{tests}: ctest ran no test; its output is above")
        return by_status

    def require_sound(self, mutants: list[Mutant]) -> None:
        """The tests that must catch a mutant pass without one."""
        results = self.test("|".join(sorted({mutant.caught_by for mutant in mutants})), False)
        if results.failed:
            raise WrongInput(f"{', '.join(results.failed)}: fails without any mutant; "
                             "see ./dev test")

    def judge(self, mutant: Mutant, targets: list[str]) -> Verdict:
        start = time.monotonic()
        self.restore()
        self.apply(mutant)
        self.compile(targets, f"{mutant.name}: does not compile")
        results = self.test(mutant.caught_by, True)
        if results.failed:
            outcome = "caught"
        elif results.passed:
            outcome = "survived"
        else:
            outcome = "skipped"
        return Verdict(mutant, outcome, time.monotonic() - start, results.failed)


PATCH_COMMAND = ["patch", "-p1", "--forward", "--fuzz=0", "--no-backup-if-mismatch",
                 "--reject-file=-"]  # with fuzz, a hunk could land where it is no bug


def misfits(root: Path, mutants: list[Mutant]) -> list[str]:
    """The mutants whose patches do not apply to the tree."""
    return [mutant.name for mutant in mutants
            if run([*PATCH_COMMAND, "--dry-run", "-d", str(root)], mutant.patch).returncode != 0]


def judge_all(workshop: Workshop, mutants: list[Mutant]) -> list[Verdict]:
    targets = {mutant.name: workshop.targets_of(mutant) for mutant in mutants}
    say(f"mutants: building the unchanged tree in {workshop.build}")
    workshop.configure()
    workshop.compile(sorted(set().union(*targets.values())), "the unchanged tree does not compile")
    say("mutants: testing the unchanged tree")
    workshop.require_sound(mutants)
    verdicts = []
    try:
        for mutant in mutants:
            verdicts.append(workshop.judge(mutant, targets[mutant.name]))
            say(f"mutants: {mutant.name}: {verdicts[-1].outcome} in {verdicts[-1].seconds:.0f} s")
    finally:
        workshop.restore()
    return verdicts


def print_table(verdicts: list[Verdict]) -> None:
    width = max((len(verdict.mutant.name) for verdict in verdicts), default=0)
    for verdict in verdicts:
        print(f"{verdict.mutant.name:{width}}  {verdict.outcome:8}  {verdict.seconds:5.0f} s  "
              f"{verdict.mutant.subject}")
    caught = sum(verdict.outcome == "caught" for verdict in verdicts)
    survivors = [verdict.mutant.name for verdict in verdicts if verdict.outcome == "survived"]
    print(f"{caught} of {len(verdicts)} mutants caught"
          + (f"; survived: {', '.join(survivors)}" if survivors else ""))


def print_json(verdicts: list[Verdict]) -> None:
    print(json.dumps({
        "mutants": [{"name": verdict.mutant.name, "subject": verdict.mutant.subject,
                     "caught_by": verdict.mutant.caught_by, "outcome": verdict.outcome,
                     "seconds": round(verdict.seconds, 1), "failed_tests": verdict.tests}
                    for verdict in verdicts],
        "survived": sum(verdict.outcome == "survived" for verdict in verdicts)}))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="judge this mutant alone; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one object on one line")
    parser.add_argument("--list", action="store_true", help="name the mutants and stop")
    parser.add_argument("--fit", action="store_true",
                        help="only try whether each applies to the tree, exactly, and stop")
    parser.add_argument("--root", type=Path, default=source_tree.ROOT,
                        help="the tree to mutate (default: the one this script is in)")
    parser.add_argument("--jobs", type=int, default=2, help="how many compilers at a time")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    root = arguments.root.resolve()
    folder = root / "build" / "mutants"
    try:
        mutants = read_mutants(root / "tools" / "mutants", arguments.only)
        if arguments.list:
            print("\n".join(f"{mutant.name}: {mutant.subject}" for mutant in mutants))
            return 0
        if arguments.fit:
            if strangers := misfits(root, mutants):
                raise WrongInput(f"{', '.join(strangers)}: does not apply to the tree; refresh it")
            print(f"{len(mutants)} mutants apply")
            return 0
        verdicts = judge_all(Workshop(root, folder, arguments.jobs), mutants) if mutants else []
    except WrongInput as error:
        say(f"mutants: {error}")
        return 2
    except KeyboardInterrupt:
        say("mutants: interrupted; the next run starts from a fresh copy")
        return 130
    print_json(verdicts) if arguments.json else print_table(verdicts)
    return 1 if any(verdict.outcome == "survived" for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
