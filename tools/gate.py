#!/usr/bin/env python3
"""The gate: what the engine does in virtual time and in real instructions, against a baseline.

Runs every scenario of gate/scenarios with `reprise-lab run --json` and compares its figures with
those in gate/baseline.json, exactly: virtual time depends on scenario, seed and code alone, not on
the machine or the compiler. Then counts what the engine's functions really execute for a datagram
(engine_instructions.py) and compares that within 2 %, where the build is like the baseline's;
else only how it grows with the backlog is limited.

--baseline FILE takes the scenarios, too, from the baseline, which holds their text. So a copy of
this file, of engine_instructions.py and of a baseline judges other commits from outside the tree:
  git bisect run /elsewhere/gate.py --root . --build --baseline /elsewhere/baseline.json

Exit status: 0 equal, 1 something differs, 2 something was wrong. With --baseline, 125 where it is
the tree that cannot be judged: it does not build, or does not know a key of a scenario.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import engine_instructions as instructions

VERSION = 1
INSTRUCTIONS_TOLERANCE = 0.02
RUN_TIMEOUT_SECONDS = 30  # a run takes a tenth of a second
BUILD = "cmake --preset dev && cmake --build build --target reprise-lab"
CANNOT_BE_JUDGED = 125  # what `git bisect run` skips
NOT_THERE = "not there"

# The figures, and whether more of it is worse.
FIGURES = {
    "egress_pps": False,
    "delivered": False,
    "no_buffer": True,
    "kernel_drops": True,
    "send_drops": True,
    "outstanding_time_mean_ns": True,
    "outstanding_time_p50_ns": True,
    "outstanding_time_p99_ns": True,
    "outstanding_time_p999_ns": True,
    "in_flight_time_mean_ns": True,
    "in_flight_time_p99_ns": True,
    "submits_per_datagram": True,
    "turns": True,
}


class WrongInput(Exception):
    """The call or the baseline is wrong; the text is one line for people."""


class CannotBeJudged(Exception):
    """It is the tree's doing; the text is one line for people."""


class Difference(NamedTuple):
    metric: str
    baseline: Any  # a number, or a text where it is none
    now: Any
    more_is_worse: bool = True

    @property
    def change_percent(self) -> float | None:
        """None where there is none: from 0, or of a text."""
        if isinstance(self.baseline, str) or isinstance(self.now, str) or self.baseline == 0:
            return None
        return 100 * (self.now - self.baseline) / self.baseline

    @property
    def is_worse(self) -> bool:
        if isinstance(self.baseline, str) or isinstance(self.now, str):
            return True
        return (self.now > self.baseline) == self.more_is_worse

    def to_json(self) -> dict:
        return {"metric": self.metric, "baseline": self.baseline, "now": self.now,
                "change_percent": self.change_percent, "worse": self.is_worse}


class Findings(NamedTuple):
    differences: dict[str, list[Difference]]  # by scenario; those that are equal have none
    notes: list[str]  # what was not compared, and why

    @property
    def is_equal(self) -> bool:
        return not any(self.differences.values())


def say(text: str) -> None:
    print(f"gate: {text}", file=sys.stderr, flush=True)


# ---- What the tree gives -------------------------------------------------------------------------


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing said"])[-1]


def figures_of(run: dict) -> dict[str, float]:
    run["submits_per_datagram"] = run["submits"] / max(run["sent"], 1)
    return {name: run[name] for name in FIGURES if name in run}


def simulate(program: Path, name: str, text: str, folder: Path) -> dict | str:
    """The figures of one scenario, or what went wrong in the run."""
    file = folder / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    try:
        result = subprocess.run([program, "run", file, "--json"], capture_output=True, text=True,
                                cwd=folder, timeout=RUN_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"did not end in {RUN_TIMEOUT_SECONDS} s"
    if result.returncode == 2:
        raise CannotBeJudged(f"{name}: {program} refuses the scenario: {last_line(result.stderr)}")
    if result.returncode != 0:
        return f"ended with status {result.returncode}: {last_line(result.stderr)}"
    return figures_of(json.loads(result.stdout))


def count_instructions(program: Path, text: str, folder: Path) -> dict[str, float | str]:
    """By nominal backlog: engine instructions a datagram, or what went wrong."""
    simulate(program, "backlog", text, folder)  # first, whether the program knows its keys
    file = folder / "backlog.toml"

    def count(backlog: instructions.Backlog) -> float | str:
        try:
            return instructions.count(program, file, backlog.pool,
                                      folder / f"callgrind.{backlog.nominal}").per_datagram
        except instructions.NotCounted as error:
            return str(error)

    backlogs = (instructions.SHORT, instructions.LONG)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip((str(backlog.nominal) for backlog in backlogs), pool.map(count, backlogs)))


def build_of(program: Path) -> str:
    """Compiler and flags of the build that the program lies in, "" where they are not known."""
    folder = program.resolve().parent.parent
    try:
        cache = (folder / "CMakeCache.txt").read_text(encoding="utf-8")
        compilers = sorted(folder.glob("CMakeFiles/*/CMakeCXXCompiler.cmake"))
        compiler = compilers[-1].read_text(encoding="utf-8")
    except (OSError, IndexError):
        return ""

    def cached(key: str) -> str:
        found = re.search(rf"^{key}:\w+=(.*)$", cache, re.MULTILINE)
        return found.group(1) if found else ""

    known = dict(re.findall(r'^set\(CMAKE_CXX_COMPILER_(\w+) "([^"]*)"\)$', compiler, re.MULTILINE))
    flags = [cached("CMAKE_CXX_FLAGS"),
             cached(f"CMAKE_CXX_FLAGS_{cached('CMAKE_BUILD_TYPE').upper()}"),
             f"-fsanitize={cached('REPRISE_SANITIZE')}" if cached("REPRISE_SANITIZE") else ""]
    return " ".join(filter(None, [known.get("ID", ""), known.get("VERSION", ""), *flags]))


def observe(program: Path, scenarios: dict[str, str], backlog: str) -> dict:
    """Everything that a baseline holds but its reason."""
    if not os.access(program, os.X_OK):
        raise CannotBeJudged(f"{program}: not built; see ./dev gate")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        say(f"{len(scenarios)} scenarios in virtual time")
        figures = {name: simulate(program, name, text, folder)
                   for name, text in scenarios.items()}
        counts = None
        if instructions.is_available():
            say("real instructions at a backlog of 100 and of 10,000 (some ten seconds)")
            counts = count_instructions(program, backlog, folder)
    return {"version": VERSION,
            "scenarios": {name: {"figures": figures[name], "text": text.splitlines()}
                          for name, text in scenarios.items()},
            "instructions": {"build": build_of(program), "per_datagram": counts,
                             "text": backlog.splitlines()}}


# ---- The baseline --------------------------------------------------------------------------------


def text_of(entry: dict) -> str:
    return "\n".join(entry["text"]) + "\n"


def read_baseline(file: Path) -> dict:
    try:
        baseline = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongInput(f"{file}: {error.strerror}; make it: ./dev gate --update --reason TEXT")
    except ValueError as error:
        raise WrongInput(f"{file}: no JSON ({error}); expected what ./dev gate --update writes")
    try:
        if baseline["version"] != VERSION:
            raise WrongInput(f"{file}: version {baseline['version']}; expected {VERSION}")
        for entry in baseline["scenarios"].values():
            entry["figures"].items(), text_of(entry)
        counts = baseline["instructions"]
        counts["build"], text_of(counts)
        for backlog in (instructions.SHORT, instructions.LONG):
            counts["per_datagram"][str(backlog.nominal)] + 0.0
        baseline["reason"] + ""
    except (AttributeError, KeyError, TypeError) as error:
        raise WrongInput(f"{file}: not as ./dev gate --update writes it ({error!r})") from None
    return baseline


def committed_scenarios(root: Path) -> dict[str, str]:
    files = sorted((root / "gate" / "scenarios").glob("*.toml"))
    if not files:
        raise WrongInput(f"{root / 'gate' / 'scenarios'}: no scenario (NAME.toml)")
    return {file.stem: file.read_text(encoding="utf-8") for file in files}


def committed_backlog(root: Path) -> str:
    file = root / "gate" / "backlog.toml"
    if not file.is_file():
        raise WrongInput(f"{file}: not there; its instructions are counted")
    return file.read_text(encoding="utf-8")


def write_baseline(file: Path, now: dict, reason: str) -> None:
    unfit = [f"{name}: {entry['figures']}" for name, entry in now["scenarios"].items()
             if isinstance(entry["figures"], str)]
    counts = now["instructions"]["per_datagram"]
    if counts is None:
        raise WrongInput("valgrind is missing, so that instructions cannot be counted; "
                         "see packaging/debian-packages.txt")
    unfit += [f"instructions: {count}" for count in counts.values() if isinstance(count, str)]
    if unfit:
        raise WrongInput(f"{unfit[0]}; no baseline can be made of that")
    counts = {backlog: round(count, 1) for backlog, count in counts.items()}
    baseline = {"version": VERSION, "reason": reason, "scenarios": now["scenarios"],
                "instructions": now["instructions"] | {"per_datagram": counts}}
    file.write_text(json.dumps(baseline, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


# ---- Comparing -----------------------------------------------------------------------------------


def compare_scenario(before: dict, now: dict) -> list[Difference]:
    differences = []
    if before["text"] != now["text"]:
        differences.append(Difference("scenario file", "another text", "changed since"))
    old, new = before["figures"], now["figures"]
    if isinstance(new, str):
        return [*differences, Difference("run", "ended well", new)]
    return differences + [
        Difference(name, old.get(name, NOT_THERE), new.get(name, NOT_THERE), more_is_worse)
        for name, more_is_worse in FIGURES.items() if old.get(name) != new.get(name)]


def compare_growth(counts: dict) -> list[Difference]:
    short, long = (counts[str(backlog.nominal)]
                   for backlog in (instructions.SHORT, instructions.LONG))
    growth = long / short
    if growth <= instructions.GROWTH_MAX:
        return []
    return [Difference("at 10,000 over at 100", f"at most {instructions.GROWTH_MAX}", growth)]


def compare_instructions(before: dict, now: dict) -> tuple[list[Difference], list[str]]:
    """Differences, and what was left out and why."""
    old, new = before["per_datagram"], now["per_datagram"]
    if new is None:
        return [], ["instructions were not counted: valgrind is missing; "
                    "see packaging/debian-packages.txt"]
    failed = [Difference(f"at a backlog of {backlog}", old[backlog], count)
              for backlog, count in new.items() if isinstance(count, str)]
    if before["build"] != now["build"]:
        builds = (f"this build is {now['build'] or 'of an unknown compiler'}; "
                  f"the baseline's is {before['build']}")
        if failed:
            return [], [f"instructions were not counted: {failed[0].now}; {builds}"]
        return compare_growth(new), ["instructions were not compared, only their growth with the "
                                     f"backlog limited: {builds}"]
    if failed:
        return failed, []
    return [Difference(f"at a backlog of {backlog}", old[backlog], round(count, 1))
            for backlog, count in new.items()
            if abs(count - old[backlog]) > INSTRUCTIONS_TOLERANCE * old[backlog]], []


def without_unknown(differences: dict[str, list[Difference]]) -> Findings:
    """For another commit, whose program may print fewer figures: those are left out."""
    unknown = sorted({each.metric for found in differences.values() for each in found
                      if each.now == NOT_THERE and each.metric in FIGURES})
    kept = {name: [each for each in found if each.metric not in unknown]
            for name, found in differences.items()}
    return Findings(kept, [f"{name}: left out; this program does not print it"
                           for name in unknown])


def compare(before: dict, now: dict) -> Findings:
    differences = {}
    for name in sorted(before["scenarios"].keys() | now["scenarios"].keys()):
        if name not in now["scenarios"]:
            found = [Difference("scenario file", "was there", "gone")]
        elif name not in before["scenarios"]:
            found = [Difference("scenario file", NOT_THERE, "new")]
        else:
            found = compare_scenario(before["scenarios"][name], now["scenarios"][name])
        differences[name] = found
    found, notes = compare_instructions(before["instructions"], now["instructions"])
    if before["instructions"]["text"] != now["instructions"]["text"]:
        found.insert(0, Difference("scenario file", "another text", "changed since"))
    differences["instructions per datagram"] = found
    return Findings(differences, notes)


# ---- Telling -------------------------------------------------------------------------------------


def number_text(value: Any, other: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    decimals = 3 if abs(value) >= 10 else 6
    text = f"{value:,.{decimals}f}"
    is_told_apart = isinstance(other, str) or text != f"{other:,.{decimals}f}"
    return text if is_told_apart else repr(value)


def row_of(difference: Difference) -> tuple[str, ...]:
    change = difference.change_percent
    direction = "more" if difference.more_is_worse else "less"
    is_number = not isinstance(difference.now, str)
    return (difference.metric, number_text(difference.baseline, difference.now),
            number_text(difference.now, difference.baseline),
            "" if change is None else f"{change:+.3g} %",
            ("worse" if difference.is_worse else "better") if is_number else "",
            f"({direction} is worse)" if is_number else "")


def print_table(findings: Findings, title: str) -> None:
    differing = {name: found for name, found in findings.differences.items() if found}
    for note in findings.notes:
        print(note)
    if not differing:
        print(f"{len(findings.differences) - 1} scenarios and the instructions are as in {title}")
        return
    rows = {name: [row_of(difference) for difference in found]
            for name, found in differing.items()}
    heading = ("metric", "baseline", "now", "change", "", "")
    widths = [max(len(row[column]) for found in rows.values() for row in [heading, *found])
              for column in range(len(heading))]

    def print_row(row: tuple[str, ...]) -> None:
        first, *numbers, verdict, direction = row
        cells = [f"{cell:>{width}}" for cell, width in zip(numbers, widths[1:])]
        print("  ".join([f"  {first:<{widths[0]}}", *cells, f"{verdict:<6}", direction]).rstrip())

    for name, found in rows.items():
        print(name)
        print_row(heading)
        for row in found:
            print_row(row)
    changes = [(abs(each.change_percent), name, row_of(each)) for name, found in differing.items()
               for each in found if each.change_percent is not None]
    if changes:
        _, name, row = max(changes)
        print(f"The largest change: {name}, {row[0]} {row[3]}.")
    print(f"{len(differing)} of {len(findings.differences)} differ from {title}: "
          f"{', '.join(differing)}")


def print_json(findings: Findings, baseline: Path, reason: str) -> None:
    print(json.dumps({
        "equal": findings.is_equal, "baseline": str(baseline), "reason": reason,
        "notes": findings.notes,
        "scenarios": [{"name": name, "differences": [each.to_json() for each in found]}
                      for name, found in findings.differences.items()]}))


# ---- The call ------------------------------------------------------------------------------------


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baseline", type=Path, metavar="FILE",
                        help="compare with this one, and run the scenarios that it holds "
                             "(default: ROOT/gate/baseline.json and ROOT/gate/scenarios)")
    parser.add_argument("--update", action="store_true",
                        help="make what is now the baseline; needs --reason")
    parser.add_argument("--reason", metavar="TEXT", help="why the baseline changes; is kept in it")
    parser.add_argument("--json", action="store_true", help="print one object on one line")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent,
                        help="the tree to judge (default: the one this script is in)")
    parser.add_argument("--program", type=Path, metavar="FILE",
                        help="(default: ROOT/build/bin/reprise-lab)")
    parser.add_argument("--build", nargs="?", const=BUILD, metavar="COMMAND",
                        help=f"build it first, in ROOT, with this shell command ({BUILD})")
    arguments = parser.parse_args()
    if arguments.update != (arguments.reason is not None):
        parser.error("--update and --reason TEXT need each other")
    if arguments.reason is not None and not arguments.reason.strip():
        parser.error("--reason: empty; say in a sentence why the figures change")
    return arguments


def build(root: Path, command: str) -> None:
    say(f"building: {command}")
    result = subprocess.run(command, shell=True, cwd=root, stdin=subprocess.DEVNULL,
                            stdout=sys.stderr, check=False)
    if result.returncode != 0:
        raise CannotBeJudged(f"{root}: does not build (status {result.returncode})")


def update(arguments: argparse.Namespace, file: Path, program: Path) -> int:
    scenarios = committed_scenarios(arguments.root)
    now = observe(program, scenarios, committed_backlog(arguments.root))
    before = read_baseline(file) if file.is_file() else None
    write_baseline(file, now, arguments.reason)
    findings = compare(before, read_baseline(file)) if before else Findings({}, [])
    if arguments.json:
        print_json(findings, file, arguments.reason)
    elif before:
        print_table(findings, "the baseline before")
    say(f"{file}: written; commit it with the change that it is for")
    return 0


def judge(arguments: argparse.Namespace, file: Path, program: Path) -> int:
    baseline = read_baseline(file)
    if arguments.baseline:
        scenarios = {name: text_of(entry) for name, entry in baseline["scenarios"].items()}
        backlog = text_of(baseline["instructions"])
    else:
        scenarios = committed_scenarios(arguments.root)
        backlog = committed_backlog(arguments.root)
    now = observe(program, scenarios, backlog)
    findings = compare(baseline, now)
    if arguments.baseline:
        left_out = without_unknown(findings.differences)
        findings = Findings(left_out.differences, findings.notes + left_out.notes)
    if arguments.json:
        print_json(findings, file, baseline["reason"])
    else:
        print_table(findings, os.path.relpath(file))
    if not findings.is_equal and not arguments.baseline:
        say("if this is meant: ./dev gate --update --reason TEXT, in the commit that changes it")
    return 0 if findings.is_equal else 1


def main() -> int:
    arguments = parse_arguments()
    file = arguments.baseline or arguments.root / "gate" / "baseline.json"
    program = arguments.program or arguments.root / "build" / "bin" / "reprise-lab"
    try:
        if not arguments.update:
            read_baseline(file)  # before a long build
        if arguments.build:
            build(arguments.root, arguments.build)
        return (update if arguments.update else judge)(arguments, file, program.resolve())
    except WrongInput as error:
        say(str(error))
        return 2
    except CannotBeJudged as error:
        say(str(error))
        return CANNOT_BE_JUDGED if arguments.baseline and not arguments.update else 2
    except KeyboardInterrupt:
        say("interrupted; nothing was written")
        return 130


if __name__ == "__main__":
    sys.exit(main())
