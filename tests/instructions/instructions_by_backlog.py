#!/usr/bin/env python3
"""Limits how the engine's instructions per datagram grow with its backlog.

Virtual time charges only declared costs, so a loop over the backlog that someone adds to the engine
would be free in a simulation. This counts real instructions instead: callgrind runs the same
scenario with a backlog of about 100 and of about 10,000 datagrams on the simulated kernel, and
counted is what the engine's functions execute, with what is inlined in them and the library
functions that they call, such as memmove, but without the simulation around them. The count divided
by the datagrams sent must not grow by more than LIMIT times.

With --plant the scenario runs with an erase-front backlog, which moves all datagrams behind the
one it takes: then the limit must be exceeded.

usage: instructions_by_backlog.py REPRISE_LAB SCENARIO [--plant]
Exit status: 0 it holds (with --plant: it is exceeded), 1 it does not, 2 the call was wrong or
something is missing.
"""

import functools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

LIMIT = 1.2
# Pools, which bound the backlog, and the mean backlog that each must really have had.
SMALL = {"pool": 170, "least": 90, "most": 130}
LARGE = {"pool": 11_000, "least": 9_000, "most": 11_000}

NAME = re.compile(r"\((\d+)\)(?: (.*))?$")
COST = re.compile(r"[+\-*\d]\S* (\d+)$")
OURS = re.compile(r"\breprise::(\w+)::")
# The simulation's own containers come from the engine's templates.
SIMULATED = re.compile(r"<.*\breprise::sim::")


class Names:
    """Callgrind writes a name once, "(7) name", and then its number alone."""

    def __init__(self):
        self.known = {}

    def resolve(self, text):
        number, name = NAME.match(text).groups()
        if name is not None:
            self.known[number] = name
        return self.known[number]


@functools.cache
def part_of(function):
    """The part of the project that a function belongs to, "" where it is none of ours."""
    qualified = re.sub(r"\(anonymous namespace\)", "", function).split("(")[0]
    found = OURS.search(qualified)
    if not found:
        return ""
    return "sim" if SIMULATED.search(qualified) else found.group(1)


def engine_instructions(profile):
    """Instructions executed by the engine, from a callgrind profile."""
    functions = Names()
    function, callee, is_call = "", "", False
    total = 0
    for line in profile.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and key == "fn":
            function = functions.resolve(value)
        elif equals and key == "cfn":
            callee = functions.resolve(value)
        elif equals and key == "calls":
            is_call = True
        elif cost := COST.match(line):
            # What a call costs counts where the engine calls a library; what it calls of ours is
            # counted, or left out, as itself.
            if part_of(function) == "engine" and (not is_call or not part_of(callee)):
                total += int(cost.group(1))
            is_call = False
    return total


def measure(program, scenario, pool, is_planted, folder):
    """Engine instructions per datagram, and the mean backlog."""
    profile = folder / f"callgrind.{pool}"
    settings = ["--set", f"pool={pool}"]
    if is_planted:
        # Moving everything takes its time, so it is done for fewer.
        settings += ["--set", "backlog=erase_front", "--set", "count=10000"]
    result = subprocess.run(
        ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={profile}", program,
         "run", scenario, "--json", *settings],
        capture_output=True, text=True, timeout=280, check=False)
    if result.returncode != 0:
        print(result.stderr, file=sys.stderr)
        sys.exit(2)
    run = json.loads(result.stdout)
    backlog = run["outstanding_region_ns_by_place"]["egress_queue"] / run["duration_ns"]
    return engine_instructions(profile) / run["sent"], backlog


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--plant"]
    is_planted = "--plant" in sys.argv
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    if shutil.which("valgrind") is None:
        print("valgrind is missing; see packaging/debian-packages.txt", file=sys.stderr)
        return 2
    per_datagram = []
    with tempfile.TemporaryDirectory() as folder:
        for size in (SMALL, LARGE):
            count, backlog = measure(*arguments, size["pool"], is_planted, pathlib.Path(folder))
            print(f"backlog {backlog:.0f}: {count:.0f} instructions of the engine a datagram")
            if not is_planted and not size["least"] <= backlog <= size["most"]:
                print(f"the backlog should have been {size['least']} to {size['most']}")
                return 1
            if count < 50:
                print("fewer than can be: the engine's instructions were not found")
                return 1
            per_datagram.append(count)
    ratio = per_datagram[1] / per_datagram[0]
    print(f"ratio {ratio:.3f}, limit {LIMIT}")
    return 0 if (ratio > LIMIT if is_planted else ratio <= LIMIT) else 1


if __name__ == "__main__":
    sys.exit(main())
