#!/usr/bin/env python3
"""Limits how the engine's instructions per datagram grow with its backlog.

Counted by tools/engine_instructions.py at a backlog of about 100 and of about 10,000 datagrams. The
count of a datagram must not grow by more than GROWTH_MAX times.

With --plant the scenario runs with an erase-front backlog, which moves all datagrams behind the
one it takes: then the limit must be exceeded.

usage: instructions_by_backlog.py REPRISE_LAB SCENARIO [--plant]
Exit status: 0 it holds (with --plant: it is exceeded), 1 it does not, 2 the call was wrong or
something is missing.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import engine_instructions as instructions  # noqa: E402, found by the line above

# Moving everything takes its time, so it is done for fewer.
PLANT = ("backlog=erase_front", "count=10000")


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--plant"]
    is_planted = "--plant" in sys.argv
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    if not instructions.is_available():
        print("valgrind is missing; see packaging/debian-packages.txt", file=sys.stderr)
        return 2
    program, scenario = map(Path, arguments)
    per_datagram = []
    with tempfile.TemporaryDirectory() as folder:
        for size in (instructions.SHORT, instructions.LONG):
            try:
                count = instructions.count(program, scenario, size.pool, Path(folder) / "profile",
                                           PLANT if is_planted else ())
            except instructions.NotCounted as error:
                print(error, file=sys.stderr)
                return 2
            print(f"backlog {count.backlog:.0f}: {count.per_datagram:.0f} instructions of the "
                  "engine a datagram")
            if not is_planted and not size.least <= count.backlog <= size.most:
                print(f"the backlog should have been {size.least} to {size.most}")
                return 1
            per_datagram.append(count.per_datagram)
    ratio = per_datagram[1] / per_datagram[0]
    print(f"ratio {ratio:.3f}, limit {instructions.GROWTH_MAX}")
    is_exceeded = ratio > instructions.GROWTH_MAX
    return 0 if is_exceeded == is_planted else 1


if __name__ == "__main__":
    sys.exit(main())
