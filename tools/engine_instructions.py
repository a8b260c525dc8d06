"""Counts the instructions that the engine really executes for a datagram, with callgrind.

Virtual time charges only declared costs, so a loop over the backlog that someone adds to the engine
would be free in a simulation. So callgrind runs a scenario on the simulated kernel, and counted is
what the engine's functions execute, with what is inlined in them and the library functions that
they call, such as memmove, but without the simulation around them.
"""

import functools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

# By how much the instructions at the long backlog may exceed those at the short one.
GROWTH_MAX = 1.2
TIMEOUT_SECONDS = 50  # a run takes five; with far more instructions it is killed


class Backlog(NamedTuple):
    """A standing backlog: the pool that bounds it, and what its mean must really have been."""
    nominal: int
    pool: int
    least: int
    most: int


SHORT = Backlog(100, 165, 90, 130)
LONG = Backlog(10_000, 12_000, 9_000, 11_000)

FEWEST = 50  # instructions a datagram; with fewer, the engine's functions were not found

# How many instructions `rep movsb` counts as depends on the processor; a loop is a loop.
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=1000000000"}

_NAME = re.compile(r"\((\d+)\)(?: (.*))?$")
_COST = re.compile(r"[+\-*\d]\S* (\d+)$")
_OURS = re.compile(r"\breprise::(\w+)::")
# The simulation's own containers come from the engine's templates.
_SIMULATED = re.compile(r"<.*\breprise::sim::")


class NotCounted(Exception):
    """There is no count; the text is one line for people."""


class Count(NamedTuple):
    per_datagram: float
    backlog: float  # its mean


def is_available() -> bool:
    return shutil.which("valgrind") is not None


class _Names:
    """Callgrind writes a name once, "(7) name", and then its number alone."""

    def __init__(self):
        self.known = {}

    def resolve(self, text: str) -> str:
        number, name = _NAME.match(text).groups()
        if name is not None:
            self.known[number] = name
        return self.known[number]


@functools.cache
def _part_of(function: str) -> str:
    """The part of the project that a function belongs to, "" where it is none of ours."""
    qualified = re.sub(r"\(anonymous namespace\)", "", function).split("(")[0]
    found = _OURS.search(qualified)
    if not found:
        return ""
    return "sim" if _SIMULATED.search(qualified) else found.group(1)


def of_profile(profile: Path) -> int:
    """Instructions executed by the engine, from a callgrind profile."""
    functions = _Names()
    function, callee, is_call = "", "", False
    total = 0
    for line in profile.read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and key == "fn":
            function = functions.resolve(value)
        elif equals and key == "cfn":
            callee = functions.resolve(value)
        elif equals and key == "calls":
            is_call = True
        elif cost := _COST.match(line):
            # What a call costs counts where the engine calls a library; what it calls of ours is
            # counted, or left out, as itself.
            if _part_of(function) == "engine" and (not is_call or not _part_of(callee)):
                total += int(cost.group(1))
            is_call = False
    return total


def count(program: Path, scenario: Path, pool: int, profile: Path,
          settings: tuple[str, ...] = ()) -> Count:
    """Runs the scenario under callgrind, which writes `profile`. Raises NotCounted."""
    command = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={profile}",
               str(program), "run", str(scenario), "--json", "--set", f"pool={pool}"]
    for setting in settings:
        command += ["--set", setting]
    try:
        result = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True,
                                text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotCounted(f"the run did not end in {TIMEOUT_SECONDS} s") from None
    if result.returncode != 0:
        last = (result.stderr.strip().splitlines() or ["nothing said"])[-1]
        raise NotCounted(f"the run under callgrind ended with status {result.returncode}: {last}")
    run = json.loads(result.stdout)
    backlog = run["outstanding_region_ns_by_place"]["egress_queue"] / run["duration_ns"]
    per_datagram = of_profile(profile) / run["sent"]
    if per_datagram < FEWEST:
        raise NotCounted(f"{per_datagram:.0f} instructions a datagram: fewer than can be, the "
                         "engine's were not found; is the program built with its symbols?")
    return Count(per_datagram, backlog)
